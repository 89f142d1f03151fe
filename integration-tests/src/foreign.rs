//! Foreign signers and verifiers: dkimpy, Mail::DKIM and OpenDKIM.

use crate::{keys::Key, programs};
use std::{fs, path::PathBuf, process::Command};

/// An implementation of DKIM that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// dkimpy (Python).
    Dkimpy,
    /// Mail::DKIM (Perl), the heart of the original DKIMproxy.
    MailDkim,
    /// OpenDKIM's filter in test mode.
    OpenDkim,
}

/// All of them.
pub const ALL: [Foreign; 3] = [Foreign::Dkimpy, Foreign::MailDkim, Foreign::OpenDkim];

/// What a signature is to look like.
pub struct Wanted<'a> {
    /// Key, and with it selector and domain.
    pub key: &'a Key,
    /// `simple/relaxed` and the like.
    pub canonicalization: &'a str,
}

impl Foreign {
    /// The ones installed here. Says aloud which are not.
    pub fn installed() -> Vec<Self> {
        ALL.into_iter().filter(|foreign| !programs::skipped(&format!("{foreign:?}"), foreign.present())).collect()
    }

    fn present(self) -> bool {
        let succeeds = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
        match self {
            Self::Dkimpy => succeeds(python().arg("import dkim, nacl")),
            Self::MailDkim => {
                succeeds(Command::new("perl").args(["-MMail::DKIM::Signer", "-MMail::DKIM::Verifier", "-e1"]))
            }
            Self::OpenDkim => programs::foreign("opendkim").is_some(),
        }
    }

    /// True if it knows this algorithm.
    pub fn knows(self, algorithm: &str) -> bool {
        // OpenDKIM 2.11 beta hashes Ed25519 signatures differently from RFC 8463; Mail::DKIM learnt them in 1.20240923.
        algorithm == "rsa-sha256" || self == Self::Dkimpy
    }

    /// Verifies all signatures of `message`, the texts of `zone` being DNS. One word for each, top first: `pass`, or what
    /// the program says otherwise.
    pub fn verify(self, message: &[u8], zone: &[(String, String)]) -> Vec<String> {
        match self {
            Self::Dkimpy => {
                let zone = serde_json::to_string(&zone).expect("texts become JSON");
                words(&programs::output_of(python().arg(DKIMPY_VERIFY).arg(zone), message))
            }
            Self::MailDkim => {
                let mut perl = Command::new("perl");
                perl.args(["-e", MAIL_DKIM_VERIFY]);
                perl.args(zone.iter().flat_map(|(name, text)| [name, text]));
                words(&programs::output_of(&mut perl, message))
            }
            Self::OpenDkim => opendkim_verify(message, zone),
        }
    }

    /// Signs `message`: returns it with the signature on top.
    pub fn sign(self, message: &[u8], wanted: &Wanted<'_>) -> Vec<u8> {
        let (selector, domain) = wanted.key.name.split_once("._domainkey.").expect("the name of a key record");
        let field = match self {
            Self::Dkimpy => {
                let mut command = python();
                command.arg(DKIMPY_SIGN).args([selector, domain, wanted.canonicalization, wanted.key.algorithm]);
                programs::output_of(command.arg(&wanted.key.path), message)
            }
            Self::MailDkim => {
                let mut perl = Command::new("perl");
                perl.args(["-e", MAIL_DKIM_SIGN, selector, domain, wanted.canonicalization]);
                programs::output_of(perl.arg(&wanted.key.path), message)
            }
            Self::OpenDkim => opendkim_sign(message, wanted, selector, domain),
        };
        let mut signed = crlf(field.trim_end()).into_bytes();
        signed.extend_from_slice(b"\r\n");
        signed.extend_from_slice(message);
        signed
    }
}

fn words(output: &str) -> Vec<String> {
    output.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The same text with CRLF, whichever line ends it has.
fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// Debian's own Python: another one in PATH would not have Debian's packages.
fn python() -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.arg("-c");
    command
}

const DKIMPY_VERIFY: &str = r#"
import dkim, json, sys
zone = dict(json.loads(sys.argv[1]))
message = sys.stdin.buffer.read()
def txt(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    text = zone.get(name.rstrip(".").lower())
    return text.encode() if text is not None else None
count = sum(1 for name, _ in dkim.rfc822_parse(message)[0] if name.lower() == b"dkim-signature")
for index in range(count):
    try:
        print("pass" if dkim.DKIM(message).verify(idx=index, dnsfunc=txt) else "fail")
    except Exception as error:
        print("error", type(error).__name__, error)
"#;

const DKIMPY_SIGN: &str = r#"
import dkim, sys
selector, domain, canonicalization, algorithm, path = sys.argv[1:6]
how = tuple(canonicalization.encode().split(b"/"))
key = open(path, "rb").read()
if algorithm == "ed25519-sha256":
    import base64
    der = base64.b64decode(b"".join(line for line in key.splitlines() if not line.startswith(b"-")))
    at = der.index(b"\x04\x22\x04\x20") + 4
    key = base64.b64encode(der[at:at + 32])
message = sys.stdin.buffer.read()
field = dkim.sign(message, selector.encode(), domain.encode(), key, canonicalize=how, signature_algorithm=algorithm.encode())
sys.stdout.buffer.write(field)
"#;

const MAIL_DKIM_VERIFY: &str = r#"
use Mail::DKIM::Verifier; use Mail::DKIM::DNS; use Net::DNS;
my %zone = @ARGV;
package Zone;
sub new { bless {}, shift }
sub udp_timeout { } sub tcp_timeout { } sub errorstring { "NXDOMAIN" }
sub query { my ($self, $name, $type) = @_; $self->send($name, $type) }
sub send {
    my ($self, $name, $type) = @_;
    my $packet = Net::DNS::Packet->new($name, $type || "TXT", "IN");
    $packet->header->qr(1);
    my $text = $zone{lc $name};
    if (defined $text) {
        my $strings = join " ", map { "\"$_\"" } unpack("(a200)*", $text);
        $packet->push(answer => Net::DNS::RR->new("$name. 300 IN TXT $strings"));
    } else { $packet->header->rcode("NXDOMAIN") }
    return $packet;
}
package main;
Mail::DKIM::DNS::resolver(Zone->new);
binmode STDIN;
my $dkim = Mail::DKIM::Verifier->new;
{ local $/; $dkim->PRINT(<STDIN>); }
$dkim->CLOSE;
print $_->result eq "pass" ? "pass" : $_->result_detail, "\n" for $dkim->signatures;
"#;

const MAIL_DKIM_SIGN: &str = r#"
use Mail::DKIM::Signer;
my ($selector, $domain, $method, $file) = @ARGV;
binmode STDIN;
my $dkim = Mail::DKIM::Signer->new(Algorithm => "rsa-sha256", Method => $method, Domain => $domain,
    Selector => $selector, KeyFile => $file);
{ local $/; $dkim->PRINT(<STDIN>); }
$dkim->CLOSE;
print $_->as_string, "\n" for $dkim->signatures;
"#;

/// Runs `opendkim -t` on a message with this configuration; returns what it prints.
fn opendkim(message: &[u8], configuration: &str, files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    for (name, text) in files {
        fs::write(path(name), text).expect("a new file");
    }
    fs::write(path("message"), message).expect("a new file");
    fs::write(path("conf"), configuration.replace("FOLDER", &folder.path().display().to_string())).expect("a new file");
    let mut command = Command::new(programs::foreign("opendkim").expect("the caller has looked"));
    command.arg("-x").arg(path("conf")).arg("-vvv").arg("-t").arg(path("message"));
    programs::output_of(&mut command, b"")
}

fn opendkim_verify(message: &[u8], zone: &[(String, String)]) -> Vec<String> {
    let zone: String = zone.iter().map(|(name, text)| format!("{name} {text}\n")).collect();
    let printed = opendkim(message, "Mode v\nTestDNSData file:FOLDER/zone\n", &[("zone", &zone)]);
    let results = printed.split("dkim=").skip(1);
    results.map(|result| result.split(' ').next().unwrap_or_default().trim_end_matches(';').to_owned()).collect()
}

fn opendkim_sign(message: &[u8], wanted: &Wanted<'_>, selector: &str, domain: &str) -> String {
    let conf = format!(
        "Mode s\nDomain {domain}\nSelector {selector}\nKeyFile {}\nCanonicalization {}\nRequireSafeKeys no\n",
        wanted.key.path.display(),
        wanted.canonicalization
    );
    let printed = opendkim(message, &conf, &[]);
    let (_, field) = printed.split_once("hvalue='").unwrap_or_else(|| panic!("OpenDKIM did not sign: {printed}"));
    let (field, _) = field.rsplit_once('\'').expect("a closing quote");
    format!("DKIM-Signature: {field}")
}
