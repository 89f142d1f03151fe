//! Section 2 of the inventory of 1.4.1 as tables, its bugs mended.

use super::*;
use crate::{report::Findings, test_keys};
use dkimproxy_core::{canonicalize::Canonicalization, key::SigningAlgorithm, sign::SigningRequest};
use dkimproxy_daemon::config::Problem;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// A folder with keys, and rules as written.
struct World {
    folder: TempDir,
    sources: Sources,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, pem) in
            [("rsa.pem", test_keys::RSA_2048), ("weak.pem", test_keys::RSA_1024), ("ed.pem", test_keys::ED25519)]
        {
            let path = folder.path().join(name);
            fs::write(&path, pem).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let defaults = Defaults {
            key_file: Some(folder.path().join("rsa.pem")),
            selector: Some("s0".to_owned()),
            ..Defaults::default()
        };
        let sources = Sources {
            sender_map: None,
            listid_map: None,
            domains: Vec::new(),
            domain_place: flag("domain"),
            signatures: Vec::new(),
            defaults,
            sign_for: vec![AuthorField::From, AuthorField::Sender],
        };
        Self { folder, sources }
    }

    /// `{}` in the text stands for the folder of the keys.
    fn sender_map(mut self, text: &str) -> Self {
        self.sources.sender_map = Some((self.write("map", text), flag("sender_map")));
        self
    }

    fn listid_map(mut self, text: &str) -> Self {
        self.sources.listid_map = Some((self.write("lmap", text), flag("listid_map")));
        self
    }

    fn options(mut self, domains: &[&str], signatures: &[&str]) -> Self {
        self.sources.domains = domains.iter().map(|&d| d.to_owned()).collect();
        self.sources.signatures =
            signatures.iter().map(|s| (self.fill(s).parse().unwrap(), flag("signature"))).collect();
        self
    }

    fn without_defaults(mut self) -> Self {
        self.sources.defaults = Defaults::default();
        self
    }

    fn method(mut self, method: &str) -> Self {
        self.sources.defaults.method = Some((method.to_owned(), flag("method")));
        self
    }

    fn identity(mut self, identity: &str) -> Self {
        self.sources.defaults.identity = Some(Template::parse(identity).unwrap());
        self
    }

    fn sign_for(mut self, order: &[AuthorField]) -> Self {
        self.sources.sign_for = order.to_vec();
        self
    }

    fn load(&self) -> (Keyring, Vec<Problem>, Vec<Problem>) {
        let mut report = Report::default();
        let keyring = Keyring::load(&self.sources, &mut report);
        let Findings { problems, warnings, .. } = report.finish();
        (keyring, problems, warnings)
    }

    fn keyring(&self) -> Keyring {
        let (keyring, problems, _) = self.load();
        assert_eq!(problems, []);
        keyring
    }

    fn problems(&self) -> Vec<String> {
        self.load().1.iter().map(Problem::to_string).collect()
    }

    fn warnings(&self) -> Vec<String> {
        let (_, problems, warnings) = self.load();
        assert_eq!(problems, []);
        warnings.iter().map(Problem::to_string).collect()
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{}", self.folder.path().to_str().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, self.fill(text)).unwrap();
        path
    }
}

fn flag(key: &'static str) -> Place {
    Place { key, origin: Origin::Flag }
}

/// One line per signature: `s=.. d=.. c=.. a=.. [i=..]`; or why there is none.
fn signatures(keyring: &Keyring, header: &str) -> String {
    let header = Header::parse(header.replace('\n', "\r\n").into_bytes());
    let choice = keyring.choose(&header);
    let Some(matched) = choice.matched else { return "no rule".to_owned() };
    match matched.requests(choice.author.as_ref()) {
        Err(error) => format!("cannot: {error}"),
        Ok(requests) => requests.iter().map(describe).collect::<Vec<_>>().join("; "),
    }
}

fn describe(request: &Request) -> String {
    let request = match request {
        Request::Dkim(request) => request,
        Request::DomainKeys(request) => return format!("dk s={} d={}", request.selector, request.domain),
    };
    let identity = request.identity.as_ref().map(|i| format!(" i={i}")).unwrap_or_default();
    format!("s={} d={}{identity}", request.selector, request.domain)
}

/// The DKIM signatures among them.
fn dkim(requests: Vec<Request>) -> Vec<SigningRequest> {
    let only = |request| match request {
        Request::Dkim(request) => Some(*request),
        Request::DomainKeys(_) => None,
    };
    requests.into_iter().filter_map(only).collect()
}

fn from(address: &str) -> String {
    format!("From: {address}\n")
}

const MAP: &str = "\
# comment
; comment2
user@example.org dkim(a=rsa-sha256,s=full)
example.org      dkim(a=rsa-sha256,s=dom), domainkeys(c=nofws)
sub.example.org  dkim(s=subd,i=$sender)
jason@long.name  dkim(s=jason)
long.name        dkim(s=longname)
longname.name    dkim(s=weird)
UPPER.example    dkim(s=upper)
  indented.example dkim(s=ind)
blanks.example\tdkim( s=tab , d=b.example )\t\r
comment.example  dkim(s=com) # comment
d.example        dkim(d=other.example,s=sx,c=relaxed/simple,key={}/weak.pem,h=from:to,x=100,t=1)
mac.example      dkim(d=$senderdomain,i=$sender)
keym.example     dkim(d=mail.$key)
two.example      dkim(s=s1)
two.example      dkim(s=s2)
both.example     dkim(s=r),dkim(s=e,key={}/ed.pem),
none.example     none
unk.example      dkim(foo=bar)
foo@who.example  dkim(i=$sender)
far.example      dkim(i=list-$sender)
b\u{fc}cher.example dkim(s=ulabel)
";

#[test]
fn senders_find_their_rules() {
    let keyring = World::new().sender_map(MAP).keyring();
    for (sender, expected) in [
        ("user@example.org", "s=full d=example.org"),
        ("User@Example.ORG", "s=full d=example.org"),
        ("other@example.org", "s=dom d=example.org; dk s=s0 d=example.org"),
        ("a@x.example.org", "s=dom d=example.org; dk s=s0 d=example.org"),
        ("A.b@Sub.example.org", "s=subd d=sub.example.org i=A.b@sub.example.org"),
        ("jason+x@long.name", "s=jason d=long.name"),
        ("eve+jason@long.name", "s=longname d=long.name"),
        ("a@upper.example", "s=upper d=upper.example"),
        ("a@indented.example", "s=ind d=indented.example"),
        ("a@blanks.example", "s=tab d=b.example"),
        ("a@comment.example", "s=com d=comment.example"),
        ("a@d.example", "s=sx d=other.example"),
        ("a@deep.mac.example", "s=s0 d=deep.mac.example i=a@deep.mac.example"),
        ("a@keym.example", "s=s0 d=mail.keym.example"),
        ("a@two.example", "s=s2 d=two.example"),
        ("a@both.example", "s=r d=both.example; s=e d=both.example"),
        ("a@none.example", ""),
        ("a@unk.example", "s=s0 d=unk.example"),
        ("foo+bar@who.example", "s=s0 d=who.example i=foo+bar@who.example"),
        ("\"f o\"@who.example", "no rule"),
        ("a@b\u{fc}cher.example", "s=ulabel d=xn--bcher-kva.example"),
        ("a@xn--bcher-kva.example", "s=ulabel d=xn--bcher-kva.example"),
        ("a@elsewhere.example", "no rule"),
        ("a@notexample.org", "no rule"),
        ("nobody", "no rule"),
    ] {
        assert_eq!(signatures(&keyring, &from(sender)), expected, "{sender}");
    }
}

#[test]
fn the_tags_reach_the_request() {
    let keyring = World::new().sender_map(MAP).keyring();
    let header = Header::parse(b"From: a@d.example\r\n".to_vec());
    let choice = keyring.choose(&header);
    let requests = dkim(choice.matched.unwrap().requests(choice.author.as_ref()).unwrap());
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(request.canonicalization, Canonicalization::parse(b"relaxed/simple").unwrap());
    assert_eq!(request.key.bits(), 1024);
    assert_eq!(request.covered.present, ["from", "to"]);
    assert!(request.covered.sealed.is_empty());
    assert!(request.timestamp);
}

#[test]
fn two_keys_on_a_line_sign_with_their_own_algorithms() {
    let keyring = World::new().sender_map(MAP).keyring();
    let header = Header::parse(b"From: a@both.example\r\n".to_vec());
    let choice = keyring.choose(&header);
    let requests = dkim(choice.matched.unwrap().requests(None).unwrap());
    let algorithms: Vec<_> = requests.iter().map(|request| request.key.algorithm()).collect();
    assert_eq!(algorithms, [SigningAlgorithm::RsaSha256, SigningAlgorithm::Ed25519Sha256]);
}

#[test]
fn the_catch_all_signs_for_the_domain_of_the_author() {
    let keyring = World::new()
        .sender_map("example.org dkim\n. dkim(s=any), dkim(s=own,d=own.example), dkim(s=key,d=x.$key)\n")
        .keyring();
    for (header, expected) in [
        (from("a@example.org"), "s=s0 d=example.org"),
        (from("A@Some.Where.Example"), {
            "s=any d=some.where.example; s=own d=own.example; s=key d=x.some.where.example"
        }),
        (
            from("root@localhost"),
            "cannot: \"localhost\" cannot be a signing domain: a single label is no domain name here",
        ),
        ("Subject: nobody\n".to_owned(), "cannot: the message names no author to take d= from"),
        // Somebody's rule goes before everybody's.
        ("From: a@other.example\nSender: b@example.org\n".to_owned(), "s=s0 d=example.org"),
    ] {
        assert_eq!(signatures(&keyring, &header), expected, "{header}");
    }
    let fixed = World::new().sender_map(". dkim(d=own.example)\n").keyring();
    assert_eq!(signatures(&fixed, "Subject: nobody\n"), "s=s0 d=own.example");
}

#[test]
fn from_goes_before_sender_unless_told_otherwise() {
    let header = "From: a@one.example\nSender: b@two.example\n";
    let only_sender_known = "From: a@elsewhere.example\nSender: b@two.example\n";
    let map = "one.example dkim(s=one)\ntwo.example dkim(s=two)\n";
    let (from, sender) = (AuthorField::From, AuthorField::Sender);
    for (order, expected, expected_sender_known) in [
        (&[from, sender][..], "s=one d=one.example", "s=two d=two.example"),
        (&[sender, from], "s=two d=two.example", "s=two d=two.example"),
        (&[from], "s=one d=one.example", "no rule"),
    ] {
        let keyring = World::new().sender_map(map).sign_for(order).keyring();
        assert_eq!(signatures(&keyring, header), expected, "{order:?}");
        assert_eq!(signatures(&keyring, only_sender_known), expected_sender_known, "{order:?}");
    }
}

#[test]
fn list_ids_find_their_rules() {
    let map = "\
kernel.org dkim
xorg-devel.lists.x.org dkim
dev.spamassassin.apache.org  dkim(c=relaxed,d=apache.org)
macro.example dkim(d=$senderdomain,i=list-$sender)
mk.example dkim(i=x@$key)
";
    let world = World::new().listid_map(map).sender_map("example.org dkim(s=sender)\n");
    let keyring = world.keyring();
    for (list_id, expected) in [
        ("<linux-kernel.vger.kernel.org>", "s=s0 d=kernel.org"),
        ("\"X.Org development list\" <xorg-devel.lists.x.org>", "s=s0 d=lists.x.org"),
        ("Xorg-Devel.Lists.X.Org", "s=s0 d=lists.x.org"),
        ("<sub.xorg-devel.lists.x.org>", "s=s0 d=xorg-devel.lists.x.org"),
        ("<dev.spamassassin.apache.org>", "s=s0 d=apache.org"),
        ("<kernel.org>", "s=s0 d=kernel.org"),
        ("<l.macro.example>", "s=s0 d=example.org i=list-a@example.org"),
        ("<l.mk.example>", "s=s0 d=mk.example i=x@mk.example"),
        ("<elsewhere.example>", "s=sender d=example.org"),
    ] {
        let header = format!("From: a@example.org\nList-Id: {list_id}\n");
        assert_eq!(signatures(&keyring, &header), expected, "{list_id}");
    }
    assert_eq!(signatures(&keyring, "From: a@example.org\n"), "s=sender d=example.org");
    let catch_all = World::new().listid_map(". dkim(s=any,d=any.example)\n").keyring();
    assert_eq!(signatures(&catch_all, "From: a@b.example\nList-Id: <x>\n"), "s=any d=any.example");
    assert_eq!(signatures(&catch_all, "From: a@b.example\n"), "no rule");
}

#[test]
fn the_options_domain_and_signature() {
    let one = World::new().options(&["domain1.example"], &["dkim(c=relaxed)", "domainkeys(c=nofws)"]).keyring();
    let two = World::new().options(&["domain1.example", "Domain2.example"], &["dkim", "dkim(s=s2)"]).keyring();
    let none = World::new().options(&[], &["dkim(d=$senderdomain,i=$sender)"]).keyring();
    for (sender, by_one, by_two, by_none) in [
        (
            "a@domain1.example",
            "s=s0 d=domain1.example; dk s=s0 d=domain1.example",
            "s=s0 d=domain1.example; s=s2 d=domain1.example",
            "s=s0 d=domain1.example i=a@domain1.example",
        ),
        (
            "a@x.domain2.example",
            "s=s0 d=domain1.example; dk s=s0 d=domain1.example",
            "s=s0 d=domain2.example; s=s2 d=domain2.example",
            "s=s0 d=x.domain2.example i=a@x.domain2.example",
        ),
        (
            "a@domain3.example",
            "s=s0 d=domain1.example; dk s=s0 d=domain1.example",
            "no rule",
            "s=s0 d=domain3.example i=a@domain3.example",
        ),
        (
            "nobody",
            "s=s0 d=domain1.example; dk s=s0 d=domain1.example",
            "no rule",
            "cannot: the message names no author to take d= from",
        ),
    ] {
        let header = from(sender);
        assert_eq!(signatures(&one, &header), by_one, "{sender}");
        assert_eq!(signatures(&two, &header), by_two, "{sender}");
        assert_eq!(signatures(&none, &header), by_none, "{sender}");
    }
    // A map goes before, and what it does not know is left to the options.
    let keyring = World::new().sender_map("m.example dkim(s=map)\n").options(&["o.example"], &["dkim"]).keyring();
    assert_eq!(signatures(&keyring, &from("a@m.example")), "s=map d=m.example");
    assert_eq!(signatures(&keyring, &from("a@x.example")), "s=s0 d=o.example");
}

#[test]
fn methods_are_inherited() {
    let canonicalization = |world: World| {
        let keyring = world.keyring();
        let header = Header::parse(b"From: a@b.example\r\n".to_vec());
        let choice = keyring.choose(&header);
        dkim(choice.matched.unwrap().requests(None).unwrap())[0].canonicalization.to_string()
    };
    let options = |signature: &str| World::new().options(&["b.example"], &[signature]);
    assert_eq!(canonicalization(options("dkim")), "relaxed/relaxed");
    assert_eq!(canonicalization(options("dkim(c=relaxed)")), "relaxed/simple");
    assert_eq!(canonicalization(options("dkim").method("simple")), "simple/simple");
    assert_eq!(canonicalization(options("dkim(c=RELAXED/RELAXED)").method("simple")), "relaxed/relaxed");
    assert_eq!(canonicalization(options("dkim(c=nowsp)")), "relaxed/relaxed");
}

#[test]
fn domainkeys_have_methods_of_their_own() {
    let described = |world: World| world.keyring().describe()[1].clone();
    let options = |signature: &str| World::new().options(&["b.example"], &[signature]);
    assert_eq!(described(options("domainkeys")), "signature: domainkeys(s=s0,d=b.example,c=nofws)");
    assert_eq!(described(options("domainkeys(c=simple)")), "signature: domainkeys(s=s0,d=b.example,c=simple)");
    let mut world = options("domainkeys");
    world.sources.defaults.domain_keys_method = Some(("relaxed".to_owned(), flag("method")));
    assert!(world.problems()[0].starts_with("--method: \"relaxed\" is no canonicalization of DomainKeys"));
    let problems = options("domainkeys(key={}/ed.pem)").problems();
    assert!(problems[0].contains("ed.pem: DomainKeys need an RSA key"), "{problems:?}");
    let warnings = options("domainkeys(a=rsa-sha256,h=from,i=@b.example)").warnings();
    for text in ["rsa-sha1 only", "\"h\" means nothing", "\"i\" means nothing"] {
        assert!(warnings.iter().any(|warning| warning.contains(text)), "{text}: {warnings:#?}");
    }
}

#[test]
fn the_option_identity_is_for_signatures_it_fits() {
    let world = World::new().options(&["b.example"], &["dkim", "dkim(d=c.example)", "dkim(i=@x.b.example)"]);
    assert_eq!(
        signatures(&world.identity("me@b.example").keyring(), &from("a@b.example")),
        "s=s0 d=b.example i=me@b.example; s=s0 d=c.example; s=s0 d=b.example i=@x.b.example"
    );
}

#[test]
fn an_identity_outside_the_signing_domain_is_left_out() {
    let keyring = World::new().sender_map("example.org dkim(d=sub.example.org,i=$sender)\n").keyring();
    assert_eq!(signatures(&keyring, &from("a@example.org")), "s=s0 d=sub.example.org");
}

#[test]
fn all_mistakes_are_said_at_once_with_file_and_line() {
    let map = "\
a.example arc(s=1)
b.example dkim(s=1
c.example dkim(a=ed25519-sha256)
d.example dkim(c=bogus)
e.example dkim(key=/nonexistent)
f.example dkim(s=one),dkim(s=two,key=/nonexistent)
g.example dkim(a=rsa-sha512,c=worse,s=a..b,i=@elsewhere.example)
org dkim
h.example dkim(d=$foo)
i.example dkim(d=.)
";
    let world = World::new().sender_map(map);
    let problems = world.problems();
    for (line, text) in [
        (1, "\"arc\" is no type"),
        (2, "parenthesis is missing"),
        (3, "leave a= out"),
        (4, "\"bogus\" is no canonicalization"),
        (5, "/nonexistent"),
        (7, "rsa-sha512"),
        (7, "worse"),
        (7, "a..b"),
        (7, "elsewhere.example"),
        (8, "\"org\" cannot be a signing domain"),
        (9, "\"$foo\" is no macro"),
        (10, "cannot be a signing domain"),
    ] {
        let start = format!("{}/map:{line}: sender_map: ", world.folder.path().display());
        assert!(problems.iter().any(|p| p.starts_with(&start) && p.contains(text)), "{line} {text}: {problems:#?}");
    }
    assert_eq!(problems.len(), 12, "{problems:#?}");
}

#[test]
fn mistakes_in_options() {
    let problems = World::new().without_defaults().options(&[], &["dkim"]).problems();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.starts_with("--signature: no ")), "{problems:?}");
    let problems = World::new().options(&["x"], &["dkim"]).problems();
    assert!(problems[0].contains("\"x\" cannot be a signing domain"), "{problems:?}");
    let problems = World::new().options(&["b.example"], &["dkim"]).method("foo").problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("--method: \"foo\" is no canonicalization"), "{problems:?}");
    // What nothing uses is nobody's mistake.
    assert_eq!(
        World::new().options(&["b.example"], &["dkim(c=simple)"]).method("foo").problems(),
        <[&str; 0]>::default()
    );
    let mut world = World::new();
    world.sources.sender_map = Some((PathBuf::from("/nonexistent/map"), flag("sender_map")));
    assert!(world.problems()[0].contains("/nonexistent/map"));
}

#[test]
fn habits_of_old_are_taken_with_a_warning() {
    let map = "\
a.example dkim(a=rsa-sha1)
b.example dkim(c=nowsp)
c.example dkim(foo=bar)
d.example domainkeys(c=nofws)
e.example dkim(s=1)
e.example dkim(s=2)
*.f.example dkim
g.example
";
    let warnings = World::new().sender_map(map).warnings();
    for (line, text) in [
        (1, "rsa-sha256 is used instead"),
        (2, "relaxed/relaxed is used instead"),
        (3, "\"foo\" means nothing"),
        (4, "DomainKeys (RFC 4870) is historic"),
        (6, "has a rule already"),
        (7, "write f.example"),
        (8, "g.example none"),
    ] {
        let place = format!("map:{line}: ");
        assert!(warnings.iter().any(|w| w.contains(&place) && w.contains(text)), "{line} {text}: {warnings:#?}");
    }
    assert_eq!(warnings.len(), 7, "{warnings:#?}");
}

/// 1.4.1 started with such a map and passed the mail it covers unsigned (its own test listid_map.t).
#[test]
fn a_map_without_key_starts_and_cannot_sign() {
    let world = World::new().without_defaults().sender_map("a.example dkim\nb.example dkim(s=x,key={}/rsa.pem)\n");
    let warnings = world.warnings();
    assert!(warnings.iter().any(|w| w.contains("no key file")), "{warnings:?}");
    assert!(warnings.iter().any(|w| w.contains("no selector")), "{warnings:?}");
    let keyring = world.keyring();
    assert_eq!(signatures(&keyring, &from("a@a.example")), "cannot: the rule has no key file or no selector");
    assert_eq!(signatures(&keyring, &from("a@b.example")), "s=x d=b.example");
}

/// The line of the article that many installations follow.
#[test]
fn the_line_of_the_article_with_its_key_of_1024_bits() {
    let line = "example.net dkim(s=mondomaine-dkim,d=example.net,c=relaxed,a=rsa-sha256,key={}/weak.pem)\n";
    let world = World::new().without_defaults().sender_map(line);
    let warnings = world.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("1024 bits"), "{warnings:?}");
    assert_eq!(signatures(&world.keyring(), &from("a@example.net")), "s=mondomaine-dkim d=example.net");
}

#[test]
fn ten_thousand_lines_share_a_key_and_its_warning() {
    let map: String =
        (0..10_000).map(|n| format!("d{n}.example dkim(s=s{n},key={{}}/weak.pem,a=rsa-sha1)\n")).collect();
    let world = World::new().sender_map(&map);
    let (keyring, problems, warnings) = world.load();
    assert_eq!(problems, []);
    assert!(warnings.len() < 10, "{}", warnings.len());
    assert_eq!(keyring.keys().len(), 1);
    assert_eq!(keyring.summary(), ["sender_map: 10000 rules"]);
    assert_eq!(signatures(&keyring, &from("a@x.d9999.example")), "s=s9999 d=d9999.example");
}

#[test]
fn fuzz_body_holds_on_the_maps_above() {
    for text in [MAP, "\u{feff}a@b.example dkim\n..\n. .\n@ @\na@@b.example x\n+@x.example dkim\n", "\0\n\r\n#"] {
        fuzz::sender_map(text.as_bytes());
    }
}

proptest::proptest! {
    #[test]
    fn maps_of_any_text_do_no_harm(text in "[a-zA-Z.@+*#; \t\r\n(),=$\u{e4}\u{0}-\u{20}]{0,200}") {
        fuzz::sender_map(text.as_bytes());
    }
}
