use super::*;

fn words(text: &str) -> Vec<Word> {
    (0..)
        .zip(text.split_whitespace())
        .map(|(place, text)| Word {
            text: text.to_owned(),
            start_ms: place * 500,
            end_ms: place * 500 + 400,
            confidence: 0.5 + 0.01 * place as f32,
        })
        .collect()
}

fn list(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn heard(names: &[&str], text: &str) -> String {
    corrected(&list(names), &words(text)).map_or_else(|| text.to_owned(), |found| join(&found))
}

const NAMES: &[&str] = &[
    "Kubernetes",
    "Postgres",
    "Docker",
    "Prometheus",
    "Terraform",
    "Ansible",
    "Scala",
    "Gradle",
    "Stripe",
    "Notion",
    "Brian",
    "Ember",
    "Django",
    "Jenkins",
    "React",
    "Grafana",
    "GitHub",
    "Elasticsearch",
    "Ana Oliveira",
    "José Álvarez",
];

#[test]
fn names_that_were_nearly_heard_are_written_as_the_list_has_them() {
    for (said, written) in [
        ("We ran cubernetes there.", "We ran Kubernetes there."),
        ("on cooper netties, mostly", "on Kubernetes, mostly"),
        ("Kuber nettis", "Kubernetes"),
        ("the \"cubernetes\" cluster", "the \"Kubernetes\" cluster"),
        ("cubernetes's scheduler", "Kubernetes's scheduler"),
        ("Coopernetti's", "Kubernetes"),
        ("a post gres database", "a Postgres database"),
        ("with Postgress.", "with Postgres."),
        ("the dokker image", "the Docker image"),
        ("grafanna boards", "Grafana boards"),
        ("on git hub", "on GitHub"),
        ("on github", "on GitHub"),
        ("elastic serch", "Elasticsearch"),
        ("I asked Anna Olivera first", "I asked Ana Oliveira first"),
        ("it was Jose Alvarez", "it was José Álvarez"),
    ] {
        assert_eq!(heard(NAMES, said), written);
    }
}

#[test]
fn ordinary_words_are_never_taken_for_names() {
    for said in [
        "the doctor locked the locker, and the ducks were docked",
        "he promotes and promised it, a prominent metal",
        "we transform the form of the terrain",
        "a sensible and possible answer",
        "at a larger scale we scaled and scaling helped",
        "from cradle to grave, with a good grade",
        "strip the stripes off, one strap",
        "the notion of a nation",
        "my brain and the brown train",
        "amber light, a member, remember",
        "the jingle and the jungle",
        "it reacts to a request and a reject",
        "a banana and a grand piano",
        "the progress of the postage",
        "we get a hub and got hubs",
        "an elastic search for better ways",
        "a cooper next to us",
        "an older olive in an area",
    ] {
        assert_eq!(heard(NAMES, said), said);
    }
}

#[test]
fn nothing_in_the_texts_that_tests_are_made_of_is_changed() {
    for text in [
        include_str!("../../../../speech/testdata/two_cities.txt"),
        include_str!("../../../../../plans/bank/behavioral.toml"),
        include_str!("../../../../../plans/bank/situational.toml"),
    ] {
        let bare: String = text
            .chars()
            .map(|c| {
                if c.is_alphanumeric() || c == '\'' {
                    c
                } else {
                    ' '
                }
            })
            .collect();
        let said = words(&bare);
        assert_eq!(corrected(&list(NAMES), &said), None);
    }
}

#[test]
fn no_name_goes_over_the_end_of_a_sentence_or_phrase() {
    assert_eq!(
        heard(&["GitHub"], "I did it with git. Hub was"),
        "I did it with git. Hub was"
    );
    assert_eq!(heard(&["GitHub"], "git, hub"), "git, hub");
}

#[test]
fn of_two_names_that_fit_equally_well_neither_is_taken() {
    assert_eq!(
        heard(&["Marlena", "Marlene"], "marleni came"),
        "marleni came"
    );
    assert_eq!(
        heard(&["Marlena", "Marlene"], "marlena came"),
        "Marlena came"
    );
}

#[test]
fn what_is_right_already_and_a_list_that_is_empty_change_nothing() {
    assert_eq!(
        corrected(&list(NAMES), &words("Kubernetes, and Postgres.")),
        None
    );
    assert_eq!(corrected(&[], &words("cubernetes")), None);
    assert_eq!(corrected(&list(NAMES), &[]), None);
    assert_eq!(
        corrected(&list(&["Go", "", "…"]), &words("go and … see")),
        None
    );
}

#[test]
fn a_name_takes_the_time_of_the_words_heard_for_it_and_the_least_confidence() {
    let found = corrected(&list(&["Kubernetes"]), &words("on cooper netties now")).unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!((found[1].start_ms, found[1].end_ms), (500, 1_400));
    assert!((found[1].confidence - 0.51).abs() < 1e-6);
    let found = corrected(&list(&["Ana Oliveira"]), &words("anna olivera")).unwrap();
    assert_eq!((found[0].start_ms, found[1].end_ms), (0, 900));
    assert_eq!(found[0].end_ms, found[1].start_ms);
}

#[test]
fn hostile_words_pass_through() {
    let long = "k".repeat(100_000);
    for said in [
        long.as_str(),
        "\u{202e}שלום",
        "<b>",
        "ﬁ",
        "💡💡💡💡💡",
        "''''s 's",
    ] {
        assert_eq!(heard(NAMES, said), said);
    }
}

#[test]
fn the_list_of_ordinary_words_is_in_order_and_of_small_letters() {
    let all: Vec<&str> = ORDINARY
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(
        all.iter()
            .all(|word| word.len() >= LETTERS_MIN && word.bytes().all(|b| b.is_ascii_lowercase()))
    );
}
