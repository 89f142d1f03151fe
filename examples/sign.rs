//! Signs a message with the core alone: three calls, no daemon.
//!
//! ```console
//! $ openssl genrsa -out key.pem 2048
//! $ cargo run -p dkimproxy-core --example sign -- key.pem example.net mail2026 < mail.eml > signed.eml
//! ```
//!
//! The message must have CRLF line ends, as on the wire.

use dkimproxy_core::{
    canonicalize::Canonicalization,
    domain::{DomainName, Selector},
    key::SigningKey,
    message::MessageReader,
    sign::{CoveredFields, Signer, SigningRequest},
    signature::Layout,
};
use std::{
    env,
    error::Error,
    fs,
    io::{self, Read, Write},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let mut argument = || arguments.next().ok_or("usage: sign KEYFILE DOMAIN SELECTOR < MESSAGE");
    let request = SigningRequest {
        key: Arc::new(SigningKey::from_pem(&fs::read(argument()?)?)?),
        domain: DomainName::new(&argument()?)?,
        selector: Selector::new(&argument()?)?,
        canonicalization: Canonicalization::RELAXED,
        identity: None,
        covered: Arc::new(CoveredFields::default()),
        timestamp: true,
        lifetime: None,
        layout: Layout::default(),
    };
    let mut message = Vec::new();
    io::stdin().read_to_end(&mut message)?;

    // A daemon would push the message chunk by chunk, as it arrives.
    let mut reader = MessageReader::new(1 << 20);
    let body = reader.push(&message)?;
    let header = Arc::clone(reader.finish()?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let signer = Signer::new(header, vec![request], now);
    let mut hasher = signer.body_hasher();
    hasher.update(body);
    let fields = signer.finish(&hasher.finish())?;

    let mut out = io::stdout().lock();
    out.write_all(&fields.concat())?;
    out.write_all(&message)?;
    Ok(())
}
