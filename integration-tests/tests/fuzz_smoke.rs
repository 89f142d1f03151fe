//! The bodies of the fuzz targets, on stable Rust, with a fixed number of inputs that are the same each time: real seeds,
//! changed at random places. `make fuzz` looks further.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many inputs each body gets.
const INPUTS: usize = 20_000;

/// Octets that have a meaning somewhere, more likely than others.
const TELLING: &[u8] = b"\r\n\t .;:=<>@,()\"\\/-_+*#%0129azAZ\0\xff\xc3\xa9";

const MESSAGE: &[u8] = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=example.net; s=s1;\r\n\t\
    h=from:to; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=uslVEq1LzHDR2ACoSTiErsGhe\r\n\
    From: Jean <jean@example.net>\r\nTo: x@example.org\r\n\r\nbody  text\t \r\n\r\n\r\n";
const SIGNATURE: &[u8] =
    b" v=1; a=ed25519-sha256; c=simple/relaxed; d=example.net; s=s1; i=jean@example.net; t=1; x=2;\r\n \
    q=dns/txt; l=10; z=From:x; h=from : to;\r\n\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=dXNs VkVx";
const KEY_RECORD: &[u8] =
    b"v=DKIM1; k=ed25519; h=sha256; s=email:*; t=y:s; n=note; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const RESULTS: &[u8] =
    b" mail.example.net 1; dkim=pass (2048-bit (key)) reason=\"a \\\"b\\\"\" header.d=example.net; spf=none";
const CONFIGURATION: &[u8] =
    b"listen 127.0.0.1:10027\nrelay=[::1]:25 # next\n--domain: example.org\nreject_fail\nlimit 5M\n";
const SENDER_MAP: &[u8] =
    b"# map\nexample.net dkim(s=a,d=example.net,c=relaxed,a=rsa-sha256,key=/k), domainkeys(c=nofws)\n. dkim\n";
const REPLY: &[u8] = b"250-mail.example.net\r\n250-SIZE 10240000\r\n250 2.1.0 Ok\r\n";
const DATA: &[u8] = b"Subject: x\r\n\r\n..dot\r\n.\nx\r.\r\n.\r\nMAIL FROM:<>\r\n";

/// Gives `body` each seed and then inputs made of them.
fn smoke(body: fn(&[u8]), seeds: &[&[u8]]) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for seed in seeds {
        body(seed);
    }
    for _ in 0..INPUTS {
        let input = random.changed(seeds);
        if catch_unwind(AssertUnwindSafe(|| body(&input))).is_err() {
            panic!("failed for {:?}", String::from_utf8_lossy(&input));
        }
    }
}

/// xorshift64*: no better numbers are needed, and these are the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap_or_default() % limit.max(1)
    }

    fn changed(&mut self, seeds: &[&[u8]]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].to_vec();
        for _ in 0..=self.below(6) {
            self.change(&mut input);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let octet = TELLING[self.below(TELLING.len())];
        match self.below(6) {
            0 => input.insert(at, octet),
            1 if at < input.len() => input[at] = octet,
            2 if at < input.len() => drop(input.remove(at)),
            3 => input.truncate(at),
            4 => {
                let end = at + self.below((input.len() - at).min(30));
                let copy = input[at..end].to_vec();
                let to = self.below(input.len() + 1);
                input.splice(to..to, copy);
            }
            _ => {
                let many = self.below(40);
                input.splice(at..at, std::iter::repeat_n(octet, many));
            }
        }
    }
}

macro_rules! smoke {
    ($($name:ident: $body:path, $($seed:expr),+;)+) => {
        $(#[test] fn $name() { smoke($body, &[$($seed),+]); })+
    };
}

smoke! {
    header: dkimproxy_core::fuzz::header, MESSAGE;
    tag_list: dkimproxy_core::fuzz::tag_list, SIGNATURE, KEY_RECORD;
    message: dkimproxy_core::fuzz::message, MESSAGE;
    canonicalize_body: dkimproxy_core::fuzz::canonicalize_body, MESSAGE, b" \t\r\n\r\n \r\n";
    signature: dkimproxy_core::fuzz::signature, SIGNATURE;
    key_record: dkimproxy_core::fuzz::key_record, KEY_RECORD;
    verify_message: dkimproxy_core::fuzz::verify_message, MESSAGE;
    command: dkimproxy_smtp::fuzz::command, b"MAIL FROM:<jean@example.net> SIZE=10 BODY=8BITMIME", b"RCPT TO:<\"a b\"@x> ORCPT=rfc822;x";
    reply: dkimproxy_smtp::fuzz::reply, REPLY;
    data: dkimproxy_smtp::fuzz::data, DATA;
    line: dkimproxy_smtp::fuzz::line, b"\x05EHLO x\r\nMAIL\nRCPT\r\r\n";
    xforward: dkimproxy_smtp::fuzz::xforward, b"XFORWARD NAME=a+20b ADDR=IPV6:::1 PROTO=ESMTP SOURCE=REMOTE", b"NAME=[UNAVAILABLE]";
    ehlo: dkimproxy_smtp::fuzz::ehlo, REPLY, b"250-x\r\n250-XFORWARD NAME ADDR\r\n250 DSN\r\n";
    configuration: dkimproxy_daemon::fuzz::configuration, CONFIGURATION;
    sender_map: dkimproxy_out::keyring::fuzz::sender_map, SENDER_MAP;
    authserv_id: dkimproxy_auth::fuzz::authserv_id, RESULTS;
    results: dkimproxy_auth::fuzz::results, RESULTS;
    spf_record: dkimproxy_auth::fuzz::spf_record, b"a mx/24 a:b.example/24//64 include:%{ir}.%{d2}.example ip4:192.0.2.0/24 exp=%{S} ~all";
    spf_macro: dkimproxy_auth::fuzz::spf_macro, b"%{ir}.%{v}._spf.%{d2} %%%_%- %{L1r-+}.x";
    dmarc_record: dkimproxy_auth::fuzz::dmarc_record, b" p=reject; sp=none; np=quarantine; psd=n; t=y; rua=mailto:a@b.example!10m";
    received_spf: dkimproxy_auth::fuzz::received_spf, b"\"a b\"@example.org";
    author_domain: dkimproxy_auth::fuzz::author_domain, b"\"A, B\" (c) <@r.example:a.\"b\"@c.example>, G: d@e.example;";
}
