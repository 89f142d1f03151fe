//! Verifies a message with the core alone; the key records come from the command line instead of DNS.
//!
//! ```console
//! $ cargo run -p dkimproxy-core --example verify -- 'v=DKIM1; k=rsa; p=MIIB...' < signed.eml
//! ```
//!
//! The message must have CRLF line ends, as on the wire.

#![allow(clippy::print_stdout)] // that is what it is for

use dkimproxy_core::{
    key::{KeyRecord, Keys},
    message::MessageReader,
    verify::{Verifier, VerifyPolicy},
};
use std::{
    env,
    error::Error,
    io::{self, Read},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

fn main() -> Result<(), Box<dyn Error>> {
    let record = env::args().nth(1).ok_or("usage: verify KEYRECORD < MESSAGE")?;
    let mut message = Vec::new();
    io::stdin().read_to_end(&mut message)?;

    let mut reader = MessageReader::new(1 << 20);
    let body = reader.push(&message)?;
    let header = Arc::clone(reader.finish()?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let verifier = Verifier::new(header, &VerifyPolicy::default(), now);

    // The verifier says which names it wants to know; here every one of them has the same record.
    let answer = Arc::new(vec![KeyRecord::parse(record.as_bytes())]);
    let keys: Keys = verifier.key_names().into_iter().map(|name| (name, Ok(Arc::clone(&answer)))).collect();

    let mut hasher = verifier.body_hasher();
    hasher.update(body);
    let findings = verifier.finish(&hasher.finish(), &keys);
    if findings.is_empty() {
        println!("not signed");
    }
    for finding in findings {
        let domain = finding.domain.as_ref().map_or("(no domain)", |domain| domain.as_str());
        match &finding.outcome {
            Ok(_) => println!("{domain}: pass"),
            Err(error) => println!("{domain}: {} ({error})", finding.result().as_str()),
        }
    }
    Ok(())
}
