//! Seals anything, sound or not, by code that shares nothing with the crate but SHA-256.

use super::forge::{canonical_field, forge_field, sign_text, split_fields};

/// One ARC set to be added.
pub(crate) struct Seal<'a> {
    pub(crate) instance: u32,
    pub(crate) cv: &'a str,
    /// All of the ARC-Authentication-Results field.
    pub(crate) results: String,
    /// The body of the ARC-Message-Signature field, with `{bh}` and `{b}`.
    pub(crate) message_tags: String,
    /// Further tags of the ARC-Seal, each with a ";" before it.
    pub(crate) seal_tags: &'a str,
}

impl Seal<'_> {
    /// What a good sealer writes.
    pub(crate) fn new(instance: u32) -> Self {
        let domain = format!("mx{instance}.example");
        Seal {
            instance,
            cv: if instance == 1 { "none" } else { "pass" },
            results: format!(
                "ARC-Authentication-Results: i={instance}; {domain};\r\n\tspf=pass smtp.mailfrom=a@b.c\r\n"
            ),
            message_tags: format!(
                " i={instance}; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=sel;\r\n\th=from:to:subject; bh={{bh}}; b={{b}}"
            ),
            seal_tags: "",
        }
    }

    /// The message with this set on top.
    pub(crate) fn add_to(&self, message: &str) -> String {
        let (header, body) = message.split_once("\r\n\r\n").expect("an empty line");
        let header = format!("{header}\r\n");
        let template = format!("ARC-Message-Signature:{}\r\n", self.message_tags);
        let signed = forge_field(&template, &header, body);
        let message_signature = signed.strip_suffix(message).expect("only a field is added");

        let Self { instance, cv, results, seal_tags, .. } = self;
        let unsigned =
            format!("ARC-Seal: i={instance}; a=rsa-sha256; cv={cv}; d=mx{instance}.example; s=sel{seal_tags};\r\n\tb=");
        let own = [results.as_str(), message_signature].map(|field| canonical_field(field, true)).concat();
        let unsigned_form = canonical_field(&unsigned, true);
        let input = format!("{}{own}{}", earlier_sets(&header, *instance), unsigned_form.trim_end());
        format!("{unsigned}{}\r\n{message_signature}{results}{message}", sign_text(&input))
    }
}

/// The canonical fields of the sets 1 to `instance` - 1.
fn earlier_sets(header: &str, instance: u32) -> String {
    let fields = split_fields(header);
    let field = |name: &str, i: u32| {
        let start = format!("{name}: i={i};");
        fields.iter().find(|field| field.starts_with(&start)).map(|field| canonical_field(field, true))
    };
    let names = ["ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"];
    (1..instance).flat_map(|i| names.map(|name| field(name, i).unwrap_or_default())).collect()
}

/// The message sealed by so many.
pub(crate) fn seal(message: &str, count: u32) -> String {
    (1..=count).fold(message.to_owned(), |message, instance| Seal::new(instance).add_to(&message))
}
