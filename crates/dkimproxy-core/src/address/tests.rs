use super::*;
use proptest::prelude::*;

/// A certain list: its mailboxes.
fn certain(body: &str) -> Option<Vec<String>> {
    let list = read(body.as_bytes());
    list.is_certain.then(|| list.mailboxes.iter().map(Mailbox::to_string).collect())
}

#[test]
fn lists_by_the_grammar() {
    for (body, expected) in [
        ("a@example.org", &["a@example.org"][..]),
        (" <a@example.org > ", &["a@example.org"]),
        ("Alice Example <Alice@Example.org>", &["Alice@Example.org"]),
        ("John Q. Public <a@example.org>", &["a@example.org"]),
        ("\"x@evil.example\" <a@example.org>", &["a@example.org"]),
        ("\"a\\\"@evil.example>\" <a@example.org>", &["a@example.org"]),
        ("x@evil.example <a@example.org>", &["a@example.org"]),
        ("=?utf-8?q?x=40evil.example?= <a@example.org>", &["a@example.org"]),
        ("=?utf-8?q?x@evil.example?= <a@example.org>", &["a@example.org"]),
        ("a@example.org (x@evil.example)", &["a@example.org"]),
        ("(x@evil.example (y@z.example) \\) <b@c.example>) a@example.org", &["a@example.org"]),
        ("a(@evil.example)@(x)example(y).org", &["a@example.org"]),
        ("a@example.org, b@example.com", &["a@example.org", "b@example.com"]),
        (",a@example.org,,", &["a@example.org"]),
        ("undisclosed recipients:;", &[]),
        (
            "A group: a@example.org, B <b@example.com>;, c@example.net",
            &["a@example.org", "b@example.com", "c@example.net"],
        ),
        ("Alice\r\n <a@example.org>", &["a@example.org"]),
        ("a @ example . org", &["a@example.org"]),
        ("a@other.example .example.org", &["a@other.example.example.org"]),
        ("\"a b\"@example.org", &["\"a b\"@example.org"]),
        ("\"a@evil.example\"@example.org", &["\"a@evil.example\"@example.org"]),
        ("a.\"b c\"@example.org", &["a.\"b c\"@example.org"]),
        ("Alice <\"a b\"@example.org>", &["\"a b\"@example.org"]),
        ("<@relay.example,@b.example:a@example.org>", &["a@example.org"]),
        ("j\u{f6}rg@b\u{fc}cher.example", &["j\u{f6}rg@b\u{fc}cher.example"]),
        ("J\u{f6}rg <a@example.org>", &["a@example.org"]),
        ("a@[192.0.2.1]", &["a@[192.0.2.1]"]),
        ("a@localhost", &["a@localhost"]),
        ("", &[]),
        ("(nobody)", &[]),
    ] {
        assert_eq!(
            certain(body).as_deref(),
            Some(expected.iter().map(|s| s.to_string()).collect::<Vec<_>>()).as_deref(),
            "{body:?}"
        );
    }
}

/// Beyond the grammar, but there is only one domain to be found.
#[test]
fn what_breaks_the_grammar_may_be_certain() {
    for (body, expected) in [
        ("\"Johnson, Joe <joe@evil.example>\" joe@joe.example", "joe@joe.example"),
        ("Doe, John <john@example.org>", "john@example.org"),
        ("Sales: <a@example.org>", "a@example.org"),
        ("Re: [list] <a@example.org>", "a@example.org"),
    ] {
        assert_eq!(certain(body).as_deref(), Some(&[expected.to_owned()][..]), "{body:?}");
    }
}

/// Readers differ about whose these are.
#[test]
fn ambiguous_fields_are_not_certain() {
    for body in [
        "a@evil.example b@example.org",
        "<a@evil.example> <b@example.org>",
        "<a@evil.example>b@example.org",
        "<a@evil.example>, <b@example.org",
        "Doe, John <a@evil.example> b@example.org",
        "a@evil.example@example.org",
        "<;a@evil.exam ple",
        "<a@evil.example,b@example.org>",
        "\"a@example.org",
        "(a@example.org",
        "a@example.org)",
        "=?utf-8?q?a=40evil.example?= (x)",
        "a@",
        "@example.org",
        "<>",
        "Alice",
        "a@example.org\0",
        "a@example..org",
        "g: h: a@example.org;; b@evil.example",
        "a@example.org; b@evil.example",
    ] {
        assert_eq!(certain(body), None, "{body:?}");
    }
}

/// Signing rules and log lines want an address even so.
#[test]
fn the_best_guess() {
    for (body, expected) in [
        ("a@example.org, <b@example.org", "a@example.org"),
        ("<a@example.org> trailing words, b@example.com", "a@example.org"),
        ("a@example.org; b@evil.example", "a@example.org"),
    ] {
        let first = read(body.as_bytes()).mailboxes.first().map(Mailbox::to_string);
        assert_eq!(first.as_deref(), Some(expected), "{body:?}");
    }
}

#[test]
fn hostile_fields_are_cut() {
    for unit in ["(", "a@example.org,", "<", "\"", "a:", "@", ".", "\\", "a@b.c ", "=?"] {
        let list = read(unit.repeat(2_000_000 / unit.len()).as_bytes());
        assert!(!list.is_certain && list.mailboxes.len() <= MAX_LEN / 3, "{unit}");
    }
}

proptest! {
    #[test]
    fn never_panics_and_mailboxes_are_whole(body in "[ab@.,:;<>()\\[\\]\"\\\\ \r\n=?é]{0,40}") {
        for mailbox in read(body.as_bytes()).mailboxes {
            prop_assert!(!mailbox.local_part().is_empty() && !mailbox.domain().is_empty());
        }
    }

    /// Where the grammar finds a plain address alone, so does mail-parser.
    #[test]
    fn mail_parser_agrees_on_plain_lists(
        list in proptest::collection::vec(("[a-z]{1,4}", "[a-z]{1,4}", "[A-Z ]{0,5}"), 1..4)
    ) {
        let text: Vec<String> = list.iter().map(|(l, d, name)| format!("{name}<{l}@{d}.example>")).collect();
        let body = text.join(", ");
        prop_assert_eq!(read(body.as_bytes()).mailboxes, guessed(body.as_bytes()));
    }
}
