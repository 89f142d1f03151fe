//! A whole site, set up from the files of `examples/postfix/both`: Postfix, both daemons, DNS, and two places where mail
//! arrives: the world outside, and the mailboxes of example.net.

use crate::{
    daemon::Daemon,
    dns::Dns,
    keys::Key,
    postfix::{Postfix, free_port},
    programs,
    sink::{Manners, Sink},
};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};
use tempfile::TempDir;

/// The running site. Its parts end with it, Postfix first.
pub struct Site {
    postfix: Postfix,
    /// dkimproxy-out.
    pub out: Daemon,
    /// dkimproxy-in.
    pub incoming: Daemon,
    /// Where mail to anybody else arrives.
    pub world: Sink,
    /// Where mail to users of example.net arrives.
    pub mailboxes: Sink,
    /// DNS, as dkimproxy-in sees it. The site's key is in it.
    pub dns: Dns,
    /// The site's key.
    pub key: Key,
    ports: Ports,
    _folder: TempDir,
}

/// The ports that take the place of those in the examples.
struct Ports {
    submission: u16,
    smtp: u16,
    out: u16,
    signed: u16,
    incoming: u16,
    verified: u16,
}

/// How a site may differ from the examples.
#[derive(Default)]
pub struct Variation<'a> {
    /// Further substitutions in the example files, `(text, other text)`.
    pub substitute: &'a [(&'a str, &'a str)],
    /// Further lines of main.cf.
    pub main: &'a str,
    /// What the world's server offers and says.
    pub world: Manners,
}

impl Site {
    /// Starts a site as the examples have it.
    pub fn start() -> Self {
        Self::vary(Variation::default())
    }

    /// Starts a site that differs from the examples.
    pub fn vary(variation: Variation<'_>) -> Self {
        let folder = tempfile::Builder::new().prefix("dkimproxy-site-").tempdir().expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a folder of our own");
        let ports = Ports::free();
        let dns = Dns::start();
        let key = Key::generate(folder.path(), "example.net", "mondomaine-dkim", "rsa");
        dns.txt(&key.name, &key.record);
        // The daemon reads its key again after it has dropped its privileges, at a reload.
        programs::output_of(Command::new("chown").arg("nobody").arg(&key.path), b"");
        let mut table = ports.table(folder.path(), &key.path);
        table.extend(variation.substitute.iter().map(|&(from, to)| (from.to_owned(), to.to_owned())));
        for name in ["dkimproxy_out.conf", "dkimproxy_in.conf", "sender_map"] {
            fs::write(folder.path().join(name), example(name, &table)).expect("a new file");
        }
        let conf = |name: &str| format!("--conf_file={}", folder.path().join(name).display());
        let out = Daemon::start("dkimproxy-out", &[&conf("dkimproxy_out.conf")]);
        let resolver = format!("--resolver={}", dns.addr());
        let incoming = Daemon::start("dkimproxy-in", &[&conf("dkimproxy_in.conf"), &resolver]);
        let (world, mailboxes) = (Sink::start(variation.world), Sink::start(Manners::default()));
        let main = format!("{}\n{}\n{}", example("main.cf", &table), routes(&world, &mailboxes), variation.main);
        let master = format!("{}\n{MAILBOX_TRANSPORT}", example("master.cf", &table));
        let postfix = Postfix::start(folder.path(), &main, &master);
        postfix.wait_for(local(ports.submission));
        postfix.wait_for(local(ports.smtp));
        Self { postfix, out, incoming, world, mailboxes, dns, key, ports, _folder: folder }
    }

    /// Where users hand in their mail.
    pub fn submission(&self) -> SocketAddr {
        local(self.ports.submission)
    }

    /// Where mail from outside arrives.
    pub fn smtp(&self) -> SocketAddr {
        local(self.ports.smtp)
    }

    /// Its Postfix.
    pub fn postfix(&self) -> &Postfix {
        &self.postfix
    }
}

impl Ports {
    fn free() -> Self {
        Self {
            submission: free_port(),
            smtp: free_port(),
            out: free_port(),
            signed: free_port(),
            incoming: free_port(),
            verified: free_port(),
        }
    }

    /// What is put in the place of what, in the files of examples/postfix. Nothing else is changed.
    fn table(&self, folder: &Path, key: &Path) -> Vec<(String, String)> {
        let row = |from: &str, to: String| (from.to_owned(), to);
        vec![
            row("submission   inet", format!("127.0.0.1:{} inet", self.submission)),
            row("smtp         inet", format!("127.0.0.1:{} inet", self.smtp)),
            row(":10017", format!(":{}", self.out)),
            row(":10018", format!(":{}", self.signed)),
            row(":10015", format!(":{}", self.incoming)),
            row(":10016", format!(":{}", self.verified)),
            row("/etc/dkimproxy/private.key", key.display().to_string()),
            row("/etc/dkimproxy/", format!("{}/", folder.display())),
            row("user       dkimproxy", "user nobody".to_owned()),
            row("group      dkimproxy", "group nogroup".to_owned()),
            // There are no passwords here; who connects from this machine is a user.
            row("smtpd_sasl_auth_enable=yes", "smtpd_sasl_auth_enable=no".to_owned()),
        ]
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A file of examples/postfix/both with the table applied.
///
/// # Panics
///
/// If a file of the examples has none of the texts of a row that belongs to it: then the table is out of date.
fn example(name: &str, table: &[(String, String)]) -> String {
    let path = programs::repository().join("examples/postfix/both").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    table.iter().fold(text, |text, (from, to)| text.replace(from, to))
}

/// Where Postfix delivers. The world is reached by smtp(8), with all that it does to a message on the way. Mailboxes take
/// what they get: as local delivery does, nothing is folded or converted on the way there.
fn routes(world: &Sink, mailboxes: &Sink) -> String {
    format!(
        "default_transport = smtp:[127.0.0.1]:{}\nrelay_domains = example.net\nrelay_transport = mailbox:[127.0.0.1]:{}\n",
        world.addr().port(),
        mailboxes.addr().port()
    )
}

const MAILBOX_TRANSPORT: &str = "\
mailbox unix - - n - - smtp
   -o smtp_line_length_limit=0
   -o disable_mime_output_conversion=yes
";
