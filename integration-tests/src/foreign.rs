//! Foreign signers and verifiers: dkimpy, Mail::DKIM and OpenDKIM.

use crate::{keys::Key, programs};
use std::{fs, path::PathBuf, process::Command};
use tempfile::TempDir;

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
        self.verify_all(&[message], zone).remove(0)
    }

    /// Verifies several messages at once, which saves starting an interpreter for each.
    pub fn verify_all(self, messages: &[&[u8]], zone: &[(String, String)]) -> Vec<Vec<String>> {
        let (_folder, files) = in_files(messages);
        let printed = match self {
            Self::Dkimpy => {
                let zone = serde_json::to_string(&zone).expect("texts become JSON");
                programs::output_of(python().arg(DKIMPY_VERIFY).arg(zone).args(&files), b"")
            }
            Self::MailDkim => {
                let mut perl = Command::new("perl");
                perl.args(["-e", MAIL_DKIM_VERIFY]).arg(zone.len().to_string());
                perl.args(zone.iter().flat_map(|(name, text)| [name, text])).args(&files);
                programs::output_of(&mut perl, b"")
            }
            Self::OpenDkim => return messages.iter().map(|message| opendkim_verify(message, zone)).collect(),
        };
        let results: Vec<Vec<String>> = printed.split_terminator(CUT).map(words).collect();
        assert_eq!(results.len(), messages.len(), "{self:?} printed {printed:?}");
        results
    }

    /// Signs `message`: returns it with the signature on top.
    pub fn sign(self, message: &[u8], wanted: &Wanted<'_>) -> Vec<u8> {
        self.sign_all(&[message], wanted).remove(0)
    }

    /// Signs several messages at once.
    pub fn sign_all(self, messages: &[&[u8]], wanted: &Wanted<'_>) -> Vec<Vec<u8>> {
        let (selector, domain) = wanted.key.name.split_once("._domainkey.").expect("the name of a key record");
        let (_folder, files) = in_files(messages);
        let how = [selector, domain, wanted.canonicalization, wanted.key.algorithm];
        let fields: Vec<String> = match self {
            Self::Dkimpy => {
                let mut command = python();
                command.arg(DKIMPY_SIGN).args(how).arg(&wanted.key.path).args(&files);
                programs::output_of(&mut command, b"").split_terminator(CUT).map(crlf).collect()
            }
            Self::MailDkim => {
                let mut perl = Command::new("perl");
                perl.args(["-e", MAIL_DKIM_SIGN]).args(how).arg(&wanted.key.path).args(&files);
                programs::output_of(&mut perl, b"").split_terminator(CUT).map(crlf).collect()
            }
            Self::OpenDkim => {
                messages.iter().map(|message| crlf(&opendkim_sign(message, wanted, selector, domain))).collect()
            }
        };
        assert_eq!(fields.len(), messages.len(), "{self:?} did not sign each message");
        fields.iter().zip(messages).map(|(field, message)| [field.as_bytes(), message].concat()).collect()
    }
}

/// The messages in files, in a folder that lives as long as its first value.
fn in_files(messages: &[&[u8]]) -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |(number, message): (usize, &&[u8])| {
        let file = folder.path().join(number.to_string());
        fs::write(&file, message).expect("a new file");
        file
    };
    let files = messages.iter().enumerate().map(write).collect();
    (folder, files)
}

/// What the scripts below print behind each message. No base64 text ends like this.
const CUT: &str = "--\n";

fn words(output: &str) -> Vec<String> {
    output.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// A field with CRLF line ends, whichever it has, and one at its end.
fn crlf(field: &str) -> String {
    format!("{}\r\n", field.trim_end().replace("\r\n", "\n").replace('\n', "\r\n"))
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
def txt(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    text = zone.get(name.rstrip(".").lower())
    return text.encode() if text is not None else None
for path in sys.argv[2:]:
    message = open(path, "rb").read()
    count = sum(1 for name, _ in dkim.rfc822_parse(message)[0] if name.lower() == b"dkim-signature")
    for index in range(count):
        try:
            print("pass" if dkim.DKIM(message).verify(idx=index, dnsfunc=txt) else "fail")
        except Exception as error:
            print("error", type(error).__name__, error)
    print("--")
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
for file in sys.argv[6:]:
    field = dkim.sign(open(file, "rb").read(), selector.encode(), domain.encode(), key, canonicalize=how,
        signature_algorithm=algorithm.encode())
    sys.stdout.buffer.write(field.rstrip() + b"\n--\n")
"#;

const MAIL_DKIM_VERIFY: &str = r#"
use Mail::DKIM::Verifier; use Mail::DKIM::DNS; use Net::DNS;
my %zone = splice @ARGV, 0, 2 * shift @ARGV;
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
for my $file (@ARGV) {
    open my $message, "<:raw", $file or die "$file: $!";
    my $dkim = Mail::DKIM::Verifier->new;
    { local $/; $dkim->PRINT(<$message>); }
    $dkim->CLOSE;
    print $_->result eq "pass" ? "pass" : $_->result_detail, "\n" for $dkim->signatures;
    print "--\n";
}
"#;

const MAIL_DKIM_SIGN: &str = r#"
use Mail::DKIM::Signer;
my ($selector, $domain, $method, $algorithm, $key, @files) = @ARGV;
for my $file (@files) {
    open my $message, "<:raw", $file or die "$file: $!";
    my $dkim = Mail::DKIM::Signer->new(Algorithm => $algorithm, Method => $method, Domain => $domain,
        Selector => $selector, KeyFile => $key);
    { local $/; $dkim->PRINT(<$message>); }
    $dkim->CLOSE;
    print $_->as_string, "\n" for $dkim->signatures;
    print "--\n";
}
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
