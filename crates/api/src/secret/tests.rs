//! No way of printing shows the value.

use super::*;

#[test]
fn a_secret_shows_itself_in_no_form() {
    let hidden = Secret::new("hunter2hunter2".to_owned());
    for shown in [
        format!("{hidden:?}"),
        format!("{hidden:#?}"),
        format!("{hidden}"),
        format!("{:?}", Some(&hidden)),
        serde_json::to_string(&hidden).unwrap(),
    ] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert_eq!(hidden.reveal(), "hunter2hunter2");
}

#[test]
fn private_text_shows_only_its_length() {
    let said = Private("I was fired".to_owned());
    assert_eq!(format!("{said:?}"), "[private, 11 bytes]");
    assert_eq!(said.to_string(), "[private, 11 bytes]");
}

#[test]
fn an_address_is_shown_without_its_query() {
    let uri: http::Uri = "/reports/s1?token=abc.def.ghi".parse().unwrap();
    assert_eq!(loggable_path(&uri), "/reports/s1");
}
