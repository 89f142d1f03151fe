use super::*;
use crate::test_keys;
use dkimproxy_daemon::filter::Filter;
use std::{fs, os::unix::fs::PermissionsExt};

/// `{}` in a value stands for a folder with the key file `key`. Everything is written in a file `conf`, one per line.
fn raw(options: &[(&str, &str)]) -> (RawConfig, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, test_keys::RSA_2048).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let entry = |(line, &(name, value)): (usize, &(&str, &str))| Entry {
        key: PROGRAM.option(name).unwrap(),
        value: value.replace("{}", folder.path().to_str().unwrap()),
        origin: Origin::File { path: "conf".into(), line },
    };
    let entries = (1..).zip(options).map(entry).collect();
    (RawConfig::new(&PROGRAM, Vec::new(), entries), folder)
}

fn problems(options: &[(&str, &str)]) -> Vec<String> {
    let (raw, _folder) = raw(options);
    let mut problems = Problems::default();
    assert_eq!(load(&raw, &mut problems).is_none(), !problems.is_empty());
    problems.iter().map(Problem::to_string).collect()
}

/// All that is said at start.
fn notes(raw: &RawConfig) -> Vec<String> {
    let mut problems = Problems::default();
    let filter = load(raw, &mut problems).unwrap_or_else(|| panic!("{problems}"));
    changed_habits(raw).into_iter().chain(filter.notes()).collect()
}

#[test]
fn what_is_written_as_1_4_1_meant_it_differs_in_nothing() {
    let options = [
        ("domain", "a.example,b.example"),
        ("selector", "s1"),
        ("keyfile", "{}/key"),
        ("layout", "dkimproxy1"),
        ("signature", "dkim(a=rsa-sha256,c=relaxed)"),
    ];
    let (raw, _folder) = raw(&options);
    let described = load(&raw, &mut Problems::default()).unwrap().describe();
    assert!(!described.iter().any(|line| line.starts_with("difference")), "{described:#?}");
    assert_eq!(
        described[2],
        "domain b.example: dkim(s=s1,d=b.example,a=rsa-sha256,c=relaxed/simple,layout=dkimproxy1)"
    );
}

#[test]
fn the_least_that_signs() {
    let (raw, _folder) = raw(&[("domain", "example.org"), ("selector", "s1"), ("keyfile", "{}/key")]);
    let filter = load(&raw, &mut Problems::default()).unwrap();
    assert_eq!(filter.keyring().summary(), ["signature: all mail that no map covers"]);
    assert_eq!(notes(&raw), <[&str; 0]>::default());
    let described = filter.describe();
    assert_eq!(described[1], "signature: dkim(s=s1,d=example.org,a=rsa-sha256,c=relaxed/relaxed)");
    assert!(
        described[2].starts_with("key /") && described[2].ends_with("/key: rsa-sha256, 2048 bits"),
        "{described:?}"
    );
    let differences: Vec<_> =
        described.iter().filter_map(|line| line.strip_prefix("difference: signature: ")).collect();
    for start in ["without a= ", "without c= ", "h= covers more "] {
        assert!(differences.iter().any(|line| line.starts_with(start)), "{start}: {described:#?}");
    }
    assert_eq!(described.len(), 6, "{described:#?}");
}

#[test]
fn blanks_in_the_list_of_domains_do_not_matter() {
    let options = [("domain", "a.example, b.example,"), ("selector", "s1"), ("keyfile", "{}/key")];
    let (raw, _folder) = raw(&options);
    let filter = load(&raw, &mut Problems::default()).unwrap();
    assert_eq!(filter.keyring().summary(), ["domain: 2 rules"]);
}

#[test]
fn all_mistakes_at_once() {
    let found = problems(&[
        ("signature", "dkim("),
        ("signature", "dkim,dkim"),
        ("signature", "dkim(c=x)"),
        ("sign_for", "from,from"),
        ("identity", "$me"),
        ("reject_error", "perhaps"),
        ("header_limit", "1"),
        ("sender_map", "/nonexistent"),
    ]);
    for start in [
        "conf:1: signature: \"dkim(\"",
        "conf:2: signature: one signature per line",
        "conf:3: signature: no key file",
        "conf:3: signature: no selector",
        "conf:3: signature: no domain",
        "conf:3: signature: \"x\" is no canonicalization",
        "conf:4: sign_for: the same field twice",
        "conf:5: identity: \"$me\" is no macro",
        "conf:6: reject_error: ",
        "conf:7: header_limit: ",
        "conf:8: sender_map: cannot read /nonexistent",
    ] {
        assert!(found.iter().any(|problem| problem.starts_with(start)), "{start}: {found:#?}");
    }
    assert_eq!(found.len(), 11, "{found:#?}");
}

#[test]
fn sign_for_takes_one_or_both_fields() {
    assert_eq!(sign_for("from, sender"), Ok(vec![AuthorField::From, AuthorField::Sender]));
    assert_eq!(sign_for("Sender,From"), Ok(vec![AuthorField::Sender, AuthorField::From]));
    assert_eq!(sign_for("from"), Ok(vec![AuthorField::From]));
    for text in ["", ",", "from,to", "from,sender,from"] {
        assert!(sign_for(text).is_err(), "{text}");
    }
}

#[test]
fn what_counts_now_though_it_did_not_is_said() {
    let (raw, _folder) = raw(&[
        ("domain", "example.org"),
        ("selector", "s1"),
        ("keyfile", "{}/key"),
        ("reject_error", "1"),
        ("identity", "@example.org"),
        ("signature", "dkim(a=rsa-sha1)"),
    ]);
    let notes = notes(&raw);
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].starts_with("conf:4: reject_error: 1.4.1 ignored this key in the file"), "{notes:?}");
    assert!(notes[1].starts_with("conf:5: identity: 1.4.1 ignored"), "{notes:?}");
    assert!(notes[2].starts_with("conf:6: signature: rsa-sha1"), "{notes:?}");
}

#[test]
fn a_domain_that_nothing_uses_is_mentioned() {
    let (raw, folder) =
        raw(&[("domain", "example.org"), ("sender_map", "{}/map"), ("keyfile", "{}/key"), ("selector", "s")]);
    fs::write(folder.path().join("map"), "example.org dkim\n").unwrap();
    assert!(load(&raw, &mut Problems::default()).is_some());
    assert_eq!(notes(&raw), ["conf:1: domain: has no effect: with a map, it needs the option signature"]);
}
