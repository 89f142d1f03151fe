//! The sending address (section 3.1): whose message it is.

use crate::{
    address::{self, Mailbox},
    domain::DomainName,
    header::{Field, Header},
};

/// Which field the sending address was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SenderField {
    /// From: its first address.
    From,
    /// Sender, which counts where there is one.
    Sender,
}

impl SenderField {
    /// The name of the field.
    pub fn name(self) -> &'static str {
        match self {
            Self::From => "From",
            Self::Sender => "Sender",
        }
    }

    /// The RFC 8601 property that reports the address (section 2.7.2 there): header.from or header.sender.
    pub fn property(self) -> &'static str {
        match self {
            Self::From => "header.from",
            Self::Sender => "header.sender",
        }
    }
}

/// The sending address of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendingAddress {
    /// Where it stands.
    pub field: SenderField,
    /// The address itself, as written.
    pub address: Mailbox,
    /// The sending domain.
    pub domain: DomainName,
}

impl SendingAddress {
    /// The address that a signature at that position vouches for; None for one that is still to be written on top.
    ///
    /// "A conforming email MUST contain a single "From:" header": another one above the signature would be outside of
    /// what is signed and yet be shown, so all are counted. A Sender above the signature is let through: a mailing list
    /// may add one (section 3.5.2), and what is reported here is From then.
    pub(super) fn of(header: &Header, signature: Option<usize>) -> Option<Self> {
        let is_below = |field: &Field<'_>| signature.is_none_or(|position| field.index() > position);
        let from = only(header.named("From"))?.filter(is_below)?;
        let from = Self::read(SenderField::From, from)?;
        match only(header.named("Sender").filter(is_below))? {
            None => Some(from),
            Some(sender) => Self::read(SenderField::Sender, sender),
        }
    }

    fn read(field: SenderField, written: Field<'_>) -> Option<Self> {
        let (address, domain) = first_address(written.body())?;
        Some(Self { field, address, domain })
    }
}

/// The only item, if there is one. None: there are several.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<Option<T>> {
    let item = items.next();
    items.next().is_none().then_some(item)
}

/// The first address of a field that leaves no doubt who that is.
fn first_address(body: &[u8]) -> Option<(Mailbox, DomainName)> {
    let list = address::read(body);
    let mailbox = list.mailboxes.into_iter().next().filter(|_| list.is_certain)?;
    let domain = mailbox.domain_name()?;
    Some((mailbox, domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What, header section with the signature at position 1, sending address.
    type Sender = (&'static str, &'static str, Option<(SenderField, &'static str)>);

    const SENDERS: &[Sender] = &[
        ("From", "X: y\r\nS: s\r\nFrom: a@a.example\r\n", Some((SenderField::From, "a@a.example"))),
        (
            "Sender counts where there is one",
            "X: y\r\nS: s\r\nFrom: a@a.example\r\nSender: b@b.example\r\n",
            Some((SenderField::Sender, "b@b.example")),
        ),
        (
            "Sender above the signature",
            "Sender: b@b.example\r\nS: s\r\nFrom: a@a.example\r\n",
            Some((SenderField::From, "a@a.example")),
        ),
        (
            "first of several addresses",
            "X: y\r\nS: s\r\nFrom: A <a@a.example>, b@b.example\r\n",
            Some((SenderField::From, "a@a.example")),
        ),
        ("no domain name", "X: y\r\nS: s\r\nFrom: a@[192.0.2.1]\r\n", None),
        ("invalid Sender", "X: y\r\nS: s\r\nFrom: a@a.example\r\nSender: b\r\n", None),
        ("invalid From", "X: y\r\nS: s\r\nFrom: a\r\nSender: b@b.example\r\n", None),
        ("no From", "X: y\r\nS: s\r\nSender: b@b.example\r\n", None),
        ("From above the signature", "From: a@a.example\r\nS: s\r\n", None),
        ("another From above", "From: x@x.example\r\nS: s\r\nFrom: a@a.example\r\n", None),
        ("two From", "X: y\r\nS: s\r\nFrom: a@a.example\r\nFrom: a@a.example\r\n", None),
        ("two Sender", "X: y\r\nS: s\r\nFrom: a@a.example\r\nSender: b@b.example\r\nSender: b@b.example\r\n", None),
    ];

    #[test]
    fn dk1_sending_addresses() {
        for (what, section, expected) in SENDERS {
            let header = Header::parse(section.as_bytes().to_vec());
            let found = SendingAddress::of(&header, Some(1));
            let found = found.map(|found| (found.field, found.address.to_string()));
            assert_eq!(found, expected.map(|(field, address)| (field, address.to_owned())), "{what}");
        }
    }
}
