use super::*;
use proptest::prelude::*;

fn id(text: &str) -> AuthservId {
    AuthservId::new(text).unwrap()
}

fn field_of(entries: Vec<ResultEntry>) -> String {
    let mut results = AuthenticationResults::new(id("mx.example.org"), false);
    results.extend(entries);
    String::from_utf8(results.field()).unwrap()
}

fn reread(field: &str) -> ParsedField {
    parse(field.strip_prefix("Authentication-Results:").unwrap().as_bytes()).unwrap()
}

#[test]
fn nothing_was_checked() {
    assert_eq!(field_of(vec![]), "Authentication-Results: mx.example.org; none\r\n");
}

#[test]
fn one_line_per_result_folded_at_78() {
    let mut pass =
        ResultEntry::new("dkim", "pass").with("header", "d", "example.org").with("header", "i", "@example.org");
    pass.comment = Some("2048-bit key".into());
    let pass = pass.with("header", "s", "sel").with("header", "a", "rsa-sha256").with("header", "b", "abcdefgh");
    let mut fail = ResultEntry::new("dkim", "fail").with("header", "d", "example.net").with("header", "b", "a/b+cde=");
    fail.reason = Some("body hash did not verify".into());
    assert_eq!(
        field_of(vec![pass, fail]),
        "Authentication-Results: mx.example.org;\r\n\
         \tdkim=pass (2048-bit key) header.d=example.org header.i=@example.org\r\n\
         \theader.s=sel header.a=rsa-sha256 header.b=abcdefgh;\r\n\
         \tdkim=fail reason=\"body hash did not verify\" header.d=example.net\r\n\
         \theader.b=\"a/b+cde=\"\r\n"
    );
}

#[test]
fn the_body_on_one_line() {
    let mut results = AuthenticationResults::new(id("mx.example.org/2"), false);
    results.extend([ResultEntry::new("dkim", "none"), ResultEntry::new("spf", "none")]);
    assert_eq!(results.body(), "\"mx.example.org/2\"; dkim=none; spf=none");
}

#[test]
fn values_are_quoted_where_they_must_be() {
    let table = [
        ("plain", "plain"),
        ("", "\"\""),
        ("a b", "\"a b\""),
        ("a;b", "\"a;b\""),
        ("a\"b\\c", "\"a\\\"b\\\\c\""),
        ("a/b", "\"a/b\""),
        ("@example.org", "@example.org"),
        ("joe@example.org", "joe@example.org"),
        ("joe.doe@example.org", "joe.doe@example.org"),
        ("joe..doe@example.org", "\"joe..doe\"@example.org"),
        ("joe=x@example.org", "\"joe=x\"@example.org"),
        ("joe doe@example.org", "\"joe doe\"@example.org"),
        ("a@b@example.org", "\"a@b\"@example.org"),
        ("joe@exa mple.org", "\"joe@exa mple.org\""),
        ("joe@", "\"joe@\""),
        ("j\u{f6}@example.org", "\"j?\"@example.org"),
        ("a\r\nb\0\x7f\u{85}", "\"a??b???\""),
    ];
    for (value, expected) in table {
        let field = field_of(vec![ResultEntry::new("dkim", "pass").with("header", "i", value)]);
        let written = field.trim_end().split_once("header.i=").unwrap().1;
        assert_eq!(written, expected, "{value:?}");
    }
}

#[test]
fn utf8_only_with_smtputf8() {
    let mut results = AuthenticationResults::new(id("mx.example.org"), true);
    results.extend([ResultEntry::new("dkim", "pass").with("header", "i", "j\u{f6}\u{2028}\u{202e}\u{80}@example.org")]);
    assert_eq!(results.body(), "mx.example.org; dkim=pass header.i=\"j\u{f6}???\"@example.org");
}

/// Everything that ever was tried against a program that writes this field.
#[test]
fn promise_7_nothing_from_a_message_gets_into_the_field_unescaped() {
    let attacks = [
        "joe\r\nX-Injected: yes\r\nX: @example.org",
        "joe; dkim=pass header.d=bank.example@example.org",
        "example.com dkim=pass header.d=bank.example",
        "\"; dkim=pass header.d=bank.example; x=\"",
        "\\",
        "\\\"; dkim=pass",
        ") dkim=pass header.d=bank.example (",
        "(((((",
        "a\nb",
        "a\rb",
        "a\0b",
        "@@@",
        "\r\n\r\nbody",
        "x@example.org;dkim=pass",
        "=?utf-8?q?=0D=0Adkim=3Dpass?=",
    ];
    for attack in attacks {
        let mut entry = ResultEntry::new("dkim", "fail").with("header", "i", attack).with("header", "d", "d.example");
        entry.reason = Some(attack.into());
        entry.comment = Some(attack.into());
        let field = field_of(vec![entry]);
        assert_eq!(field.matches("\r\n").count(), field.matches("\r\n\t").count() + 1, "{field:?}");
        assert!(!field.replace("\r\n", "").contains(|c: char| c.is_control() && c != '\t'), "{field:?}");
        let read = reread(&field);
        assert_eq!(read.results.len(), 1, "{field:?}");
        assert_eq!(read.results[0].result, "fail", "{field:?}");
        let names: Vec<_> = read.results[0].properties.iter().map(|(_, name, _)| name.as_str()).collect();
        assert_eq!(names, ["i", "d"], "{field:?}");
    }
}

/// A quoted string cannot be folded, so what would not fit on a line is left out or cut.
#[test]
fn no_line_is_ever_longer_than_998_octets() {
    let long = "\\".repeat(5000);
    let mut entry = ResultEntry::new("dkim", "fail").with("header", "i", long.clone()).with("header", "d", "d.example");
    entry.reason = Some(long.clone());
    entry.comment = Some(long);
    let field = field_of(vec![entry]);
    assert!(field.split("\r\n").all(|line| line.len() <= 998), "{field}");
    assert_eq!(reread(&field).results[0].properties.len(), 1);
}

proptest! {
    /// What is written reads as what was meant, whatever was meant.
    #[test]
    fn promise_7_what_is_written_reads_the_same(
        values in proptest::collection::vec("[ -~\\r\\n\\t\\x00\\x7fäя\u{2028}]{0,40}|[a-z\"\\\\();=@. ]{0,30}", 0..6),
        reason in proptest::option::of("\\PC{0,40}|[\"\\\\\\r\\n;()]{0,20}"),
        comment in proptest::option::of("\\PC{0,40}|[\"\\\\\\r\\n;()]{0,20}"),
        utf8: bool,
    ) {
        let mut entry = ResultEntry::new("dkim", "fail");
        entry.reason = reason.clone();
        entry.comment = comment.clone();
        let entry = values.iter().fold(entry, |entry, value| entry.with("header", "i", value.as_str()));
        let mut results = AuthenticationResults::new(id("mx.example.org"), utf8);
        results.extend([entry.clone(), ResultEntry::new("spf", "none")]);
        let field = String::from_utf8(results.field()).unwrap();

        prop_assert!(field.ends_with("\r\n"));
        for line in field.trim_end_matches("\r\n").split("\r\n") {
            prop_assert!(line.len() <= 998);
            prop_assert!(!line.trim_start_matches('\t').contains(|c: char| c.is_control()), "{:?}", line);
            prop_assert!(!line.trim().is_empty());
        }
        let clean = |text: &str| write::clean(text, utf8, usize::MAX);
        let read = reread(&field);
        prop_assert_eq!(&read, &parse(results.body().as_bytes()).unwrap());
        prop_assert_eq!(&read.authserv_id, "mx.example.org");
        prop_assert_eq!(read.results.len(), 2);
        let first = &read.results[0];
        prop_assert_eq!(&first.result, "fail");
        prop_assert_eq!(first.reason.clone(), reason.map(|text| clean(&text)));
        prop_assert_eq!(first.comments.first().cloned(), comment.map(|text| clean(&text)));
        let read_values: Vec<_> = first.properties.iter().map(|(_, _, value)| value.clone()).collect();
        prop_assert_eq!(read_values, values.iter().map(|value| clean(value)).collect::<Vec<_>>());
    }

    /// The readers take anything.
    #[test]
    fn readers_never_panic(body in proptest::collection::vec(
        prop_oneof![any::<u8>(), proptest::sample::select(b"();\"\\=/@. \r\n\tam1".to_vec())], 0..60)) {
        crate::fuzz::authserv_id(&body);
        crate::fuzz::results(&body);
    }
}

/// A field is read in linear time, nested comments too.
#[test]
fn a_million_parentheses_are_no_id() {
    let body = "(".repeat(1 << 20);
    assert_eq!(authserv_id_of(body.as_bytes()), None);
    assert_eq!(parse(body.as_bytes()), Err(ReadError::Unterminated));
}

#[test]
fn reading() {
    let body = b" mx.example.org (our gate) 1;\r\n\tdkim = pass (good (really)) reason = \"x\\\"y\" \
        header . d = example.org\r\n header.b=ab/cd==; spf/1=fail smtp.mailfrom=\"joe doe\"@example.net;";
    let read = parse(body).unwrap();
    assert_eq!(read.authserv_id, "mx.example.org");
    assert_eq!(read.version.as_deref(), Some("1"));
    let dkim = &read.results[0];
    assert_eq!((dkim.method.as_str(), dkim.result.as_str()), ("dkim", "pass"));
    assert_eq!(dkim.reason.as_deref(), Some("x\"y"));
    assert_eq!(dkim.comments, ["good (really)"]);
    let property = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(dkim.properties, [property("header", "d", "example.org"), property("header", "b", "ab/cd==")]);
    let spf = &read.results[1];
    assert_eq!((spf.method.as_str(), spf.version.as_deref(), spf.result.as_str()), ("spf", Some("1"), "fail"));
    assert_eq!(spf.properties, [property("smtp", "mailfrom", "joe doe@example.net")]);
    for wrong in
        ["", ";", "id; dkim", "id; dkim=", "id; none; dkim=pass", "id dkim=pass", "id; dkim=pass x", "id; a=b c.d="]
    {
        assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn ids_from_the_configuration() {
    for (text, expected) in [
        ("mx.example.org", "mx.example.org"),
        ("MX.Example.ORG.", "mx.example.org"),
        ("b\u{fc}cher.example", "xn--bcher-kva.example"),
        ("mx", "mx"),
        ("mx_1.example", "mx_1.example"),
        ("example.org/mx-1", "example.org/mx-1"),
    ] {
        assert_eq!(AuthservId::new(text).map(|id| id.to_string()), Ok(expected.to_owned()), "{text}");
    }
    let long = format!("{}.example", "a.".repeat(130));
    for text in
        ["", ".", "a b", "a;b", "a\r\nb", "a..b", "-a.example", "\"a\"", "a/", "a/b c", "(a)", "a=b", long.as_str()]
    {
        assert!(AuthservId::new(text).is_err(), "{text}");
    }
}

#[test]
fn forged_fields_are_recognized_in_every_disguise() {
    let ours = [id("mx.example.org"), id("b\u{fc}cher.example"), id("example.net/gate")];
    let forged: &[&str] = &[
        " mx.example.org; dkim=pass",
        "mx.example.org;dkim=pass",
        "\tmx.example.org\t; dkim=pass",
        " MX.EXAMPLE.ORG; dkim=pass",
        " mx.example.org.; dkim=pass",
        " mx.example.org 1; dkim=pass",
        " mx.example.org dkim=pass",
        " mx.example.org",
        " \"mx.example.org\"; dkim=pass",
        " \"MX.ex\\ample.org\"; dkim=pass",
        " \" mx.example.org \"; dkim=pass",
        " \"mx.\"\"example.org\"; dkim=pass",
        " (x) mx.example.org; dkim=pass",
        " (a (nested) \\) one) mx.example.org; dkim=pass",
        " mx.example.org(x); dkim=pass",
        " mx.(x)example.org; dkim=pass",
        "\r\n\tmx.example.org; dkim=pass",
        "\r\n (x)\r\n mx.example.org\r\n ; dkim=pass",
        " mx.exam\r\n ple.org; dkim=pass",
        " mx.example.org/1; dkim=pass",
        " mx.example.org,x; dkim=pass",
        " mx.example.org=x; dkim=pass",
        " mx.exam\0ple.org; dkim=pass",
        "\0mx.example.org; dkim=pass",
        " mx.example.org\x0b; dkim=pass",
        "\n mx.example.org; dkim=pass",
        " mx\u{3002}example\u{3002}org; dkim=pass",
        " mx.exam\u{ad}ple.org; dkim=pass",
        " xn--bcher-kva.example; dkim=pass",
        " XN--BCHER-KVA.example; dkim=pass",
        " b\u{fc}cher.example; dkim=pass",
        " B\u{dc}CHER.example; dkim=pass",
        " \"bu\u{308}cher.example\"; dkim=pass",
        " example.net; dkim=pass",
        " example.net/other; dkim=pass",
        // nobody's
        "",
        " ",
        " ;",
        "; dkim=pass",
        " \"\"; dkim=pass",
        " (x); dkim=pass",
        " (open mx.foreign.example; dkim=pass",
        " \"open; dkim=pass",
        " =?utf-8?q?mx.example.org?=; dkim=pass",
        // not our version
        " mx.foreign.example 2; dkim=pass",
        " mx.foreign.example (x) 01; dkim=pass",
    ];
    for body in forged {
        assert!(claims_to_be(&ours, body.as_bytes()), "{body:?}");
    }
    let foreign: &[&str] = &[
        " mx.foreign.example; dkim=pass",
        " mx.foreign.example 1; dkim=pass",
        " mx.foreign.example; none",
        " \"mx.foreign.example\"; dkim=pass",
        " example.org; dkim=pass",
        " a.mx.example.org; dkim=pass",
        " mx.example.orgx; dkim=pass",
        " mx.example.org.foreign.example; dkim=pass",
        " (mx.example.org) mx.foreign.example; dkim=pass header.d=mx.example.org",
        " mx.foreign.example (mx.example.org); dkim=pass",
        " foreign.example/mx.example.org; dkim=pass",
        " mx.foreign.example 2fast; dkim=pass",
    ];
    for body in foreign {
        assert!(!claims_to_be(&ours, body.as_bytes()), "{body:?}");
    }
}
