use super::*;

fn tiny(target: &'static str, sha256: &'static str) -> PinnedFile {
    PinnedFile {
        target,
        bytes: 3,
        sha256,
        member: "m",
    }
}

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn the_committed_list_names_one_package_two_wheels_and_seven_files() {
    let manifest = Profile::TinyEn.manifest();
    assert_eq!(manifest.package, "moonshine-voice==0.0.73");
    assert_eq!((manifest.wheels.len(), manifest.files.len()), (2, 7));
    assert!(
        manifest
            .files
            .iter()
            .all(|f| f.sha256.len() == 64 && f.bytes > 0)
    );
}

#[test]
fn base_en_is_made_from_one_package_by_pinned_tools_and_has_four_files() {
    let manifest = Profile::BaseEn.manifest();
    assert_eq!(manifest.package, "moonshine-cpp==0.1.4");
    assert_eq!((manifest.wheels.len(), manifest.files.len()), (1, 4));
    assert!(manifest.files.iter().all(|f| f.sha256.len() == 64));
    let tools = BASE_EN_LOCK.lines().filter(|l| l.starts_with("tool "));
    for tool in tools {
        let mut words = tool.split(' ').skip(1);
        assert!(words.next().unwrap().contains("=="), "{tool}");
        assert!(words.all(|hash| hash.len() == 64), "{tool}");
    }
}

#[test]
fn without_base_en_the_message_names_the_command_that_makes_it_and_the_way_back() {
    let dir = tempfile::tempdir().unwrap();
    let error = verify(dir.path(), Profile::BaseEn).unwrap_err();
    assert_eq!(error.code(), "model_missing");
    let said = error.to_string();
    assert!(
        said.contains("greenroom models install --profile base-en"),
        "{said}"
    );
    assert!(said.contains("tiny-en"), "{said}");
}

#[test]
fn a_profile_is_found_by_its_name_and_no_other() {
    for profile in Profile::ALL {
        assert_eq!(Profile::parse(profile.as_str()), Some(profile));
    }
    assert_eq!(Profile::parse("base"), None);
}

#[test]
fn a_line_of_another_shape_is_refused() {
    assert!(parse("file only-two-words").is_none());
    assert!(parse("file a twelve sha member").is_none());
}

#[test]
fn a_missing_file_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let error = verify(dir.path(), Profile::TinyEn).unwrap_err();
    assert_eq!(error.code(), "model_missing");
    assert!(error.to_string().contains("make setup"), "{error}");
}

#[test]
fn a_changed_file_is_never_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, b"abc").unwrap();
    assert!(check_file(&path, &tiny("f", ABC), Profile::TinyEn).is_ok());
    std::fs::write(&path, b"abd").unwrap();
    let error = check_file(&path, &tiny("f", ABC), Profile::TinyEn).unwrap_err();
    assert_eq!(error.code(), "model_wrong");
    assert!(error.to_string().contains("make setup"), "{error}");
}

#[test]
fn a_member_with_another_hash_is_not_placed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/f");
    let wheel = Path::new("wheel");
    place(&mut b"abd".as_slice(), &tiny("f", ABC), &path, wheel).unwrap_err();
    assert!(!path.exists());
    place(&mut b"abc".as_slice(), &tiny("f", ABC), &path, wheel).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "no partial file stays behind");
}

#[test]
fn a_package_that_is_not_the_pinned_one_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let wheel = dir.path().join("w.whl");
    std::fs::write(&wheel, b"not a wheel").unwrap();
    let error = install_from_wheel(&wheel, &dir.path().join("models")).unwrap_err();
    assert_eq!(error.code(), "model_wrong");
}
