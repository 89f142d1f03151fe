//! The sets of a message, and the steps of section 5.2 in their order.

use super::{
    ArcError, ArcField, ArcOutcome, ArcResult, MAX_INSTANCES, MAX_RESULTS_LEN, instance,
    scope::Scope,
    seal::{ChainStatus, Seal, SealSignature},
};
use crate::{
    domain::DomainName,
    hash::{BodyHashRequest, BodyHashes},
    header::{Field, Header},
    key::{KeyName, Keys},
    signature::{self, Signature},
    verify::{Sound, VerifyError, VerifyPolicy},
};

/// A chain whose structure is sound: sets 1 to N, oldest first.
#[derive(Debug)]
pub(super) struct Chain {
    sets: Vec<Set>,
}

#[derive(Debug)]
struct Set {
    instance: u32,
    results: Results,
    message: Message,
    /// Position of the ARC-Seal field.
    seal_position: usize,
    seal: SealSignature,
}

/// ARC-Authentication-Results.
#[derive(Debug)]
struct Results {
    position: usize,
    /// All after the instance.
    payload: Vec<u8>,
}

/// ARC-Message-Signature.
#[derive(Debug)]
struct Message {
    position: usize,
    read: Result<Sound, ArcError>,
}

impl Chain {
    /// Steps 1 to 3: collects the sets and validates their structure. None: there are no ARC fields.
    pub(super) fn read(header: &Header, policy: &VerifyPolicy, now: u64) -> Option<Result<Self, ArcError>> {
        let results: Vec<_> = header.named(ArcField::Results.name()).take(MAX_INSTANCES + 1).collect();
        let messages: Vec<_> = header.named(ArcField::MessageSignature.name()).take(MAX_INSTANCES + 1).collect();
        let seals: Vec<_> = header.named(ArcField::Seal.name()).take(MAX_INSTANCES + 1).collect();
        if results.is_empty() && messages.is_empty() && seals.is_empty() {
            return None;
        }
        Some(Self::collect(&results, &messages, &seals, policy, now))
    }

    fn collect(
        results: &[Field<'_>],
        messages: &[Field<'_>],
        seals: &[Field<'_>],
        policy: &VerifyPolicy,
        now: u64,
    ) -> Result<Self, ArcError> {
        let mut seals = Slots::fill(ArcField::Seal, seals, |field| {
            let seal = Seal::parse(field.body())?;
            Some((seal.instance, (field.index(), seal)))
        })?;
        let mut results = Slots::fill(ArcField::Results, results, read_results)?;
        let mut messages = Slots::fill(ArcField::MessageSignature, messages, |field| read_message(field, policy, now))?;

        check_newest_status(&seals)?;
        let count = results.count().max(messages.count()).max(seals.count());
        let sets = (1..=count).map(|instance| {
            let results = results.take(instance)?;
            if results.payload.len() > MAX_RESULTS_LEN {
                return Err(ArcError::ResultsTooLong);
            }
            let message = messages.take(instance)?;
            let (seal_position, seal) = seals.take(instance)?;
            Ok(Set { instance, results, message, seal_position, seal: check_seal(seal)? })
        });
        Ok(Self { sets: sets.collect::<Result<_, _>>()? })
    }

    /// Those of steps 4 and 6, then those of step 5.
    pub(super) fn key_names(&self) -> impl Iterator<Item = &KeyName> {
        let (older, newest) = self.messages();
        let seals = self.sets.iter().rev().map(|set| &set.seal.key_name);
        newest.map(Sound::key_name).chain(seals).chain(older.map(Sound::key_name))
    }

    pub(super) fn body_requests(&self) -> impl Iterator<Item = BodyHashRequest> {
        let (older, newest) = self.messages();
        newest.chain(older).map(Sound::body_hash_request)
    }

    /// The message signatures that could be read: those before the newest, newest first, and the newest.
    fn messages(&self) -> (impl Iterator<Item = &Sound>, impl Iterator<Item = &Sound>) {
        let mut newest_first = self.sets.iter().rev().map(|set| set.message.read.as_ref().ok());
        let newest = newest_first.next().flatten();
        (newest_first.flatten(), newest.into_iter())
    }

    /// Steps 4 to 7.
    pub(super) fn validate(self, header: &Header, body: &BodyHashes, keys: &Keys) -> ArcOutcome {
        let instances = self.sets.len() as u32;
        let validated =
            self.validate_newest_message(header, body, keys).and_then(|()| self.validate_seals(header, keys));
        if let Err(failure) = validated {
            return ArcOutcome::fail(instances, failure);
        }
        let oldest_pass = self.oldest_pass(header, body, keys);
        let (sealers, assessments) = self.sets.into_iter().rev().map(Set::into_testimony).unzip();
        ArcOutcome {
            result: ArcResult::Pass,
            oldest_pass: Some(oldest_pass),
            instances,
            sealers,
            assessments,
            failure: None,
        }
    }

    fn validate_newest_message(&self, header: &Header, body: &BodyHashes, keys: &Keys) -> Result<(), ArcError> {
        self.sets.last().map_or(Ok(()), |set| set.validate_message(header, body, keys))
    }

    fn validate_seals(&self, header: &Header, keys: &Keys) -> Result<(), ArcError> {
        let raw = |position| header.field(position).map_or(&b""[..], |field: Field<'_>| field.raw());
        let mut scope = Scope::default();
        for set in &self.sets {
            scope.push_set(raw(set.results.position), raw(set.message.position));
            scope.push_seal(raw(set.seal_position));
        }
        for (index, set) in self.sets.iter().enumerate().rev() {
            let unsigned = set.seal.unsigned(header, set.seal_position);
            let input = scope.input(index, &unsigned).unwrap_or_default();
            set.seal.verify(&input, keys).map_err(|error| ArcError::Seal { instance: set.instance, error })?;
        }
        Ok(())
    }

    /// Step 5; the newest message signature is known to be sound.
    fn oldest_pass(&self, header: &Header, body: &BodyHashes, keys: &Keys) -> u32 {
        let older = self.sets.iter().rev().skip(1);
        let broken = older.into_iter().find(|set| set.validate_message(header, body, keys).is_err());
        broken.map_or(0, |set| set.instance + 1)
    }
}

impl Set {
    fn validate_message(&self, header: &Header, body: &BodyHashes, keys: &Keys) -> Result<(), ArcError> {
        let sound = self.message.read.as_ref().map_err(Clone::clone)?;
        match sound.verify(header, body, keys).outcome {
            Ok(_) => Ok(()),
            Err(error) => Err(ArcError::MessageSignature { instance: self.instance, error }),
        }
    }

    /// Who sealed, and what he found.
    fn into_testimony(self) -> (DomainName, Vec<u8>) {
        (self.seal.key_name.domain, self.results.payload)
    }
}

fn read_results(field: Field<'_>) -> Option<(u32, Results)> {
    let (instance, payload) = instance::of_results(field.body())?;
    Some((instance, Results { position: field.index(), payload: payload.to_vec() }))
}

fn read_message(field: Field<'_>, policy: &VerifyPolicy, now: u64) -> Option<(u32, Message)> {
    let tags = signature::parse_tags(field.body()).ok()?;
    let instance = instance::of_tag(tags.get("i")?)?;
    let read = Signature::parse_arc(field.body())
        .map_err(VerifyError::Signature)
        .and_then(|signature| Sound::new(signature, field, policy, now))
        .map_err(|error| ArcError::MessageSignature { instance, error })
        .and_then(|sound| if covers_seals(&sound) { Err(ArcError::CoversSeals { instance }) } else { Ok(sound) });
    Some((instance, Message { position: field.index(), read }))
}

/// "ARC-related header fields ... MUST NOT be included in the list of header fields covered by the signature of the AMS".
///
/// The rule is there "to reduce the chances of accidental invalidation". It is enforced for the fields that every later
/// sealer adds to with a signature; ARC-Authentication-Results and Authentication-Results are let through, since sealers
/// have covered the former for long (the examples of the drafts did) and the signature itself tells whether it did harm.
fn covers_seals(sound: &Sound) -> bool {
    let forbidden = [ArcField::Seal, ArcField::MessageSignature];
    sound.covers(|name| forbidden.iter().any(|field| name.eq_ignore_ascii_case(field.name().as_bytes())))
}

/// Step 2.
fn check_newest_status(seals: &Slots<(usize, Seal)>) -> Result<(), ArcError> {
    match seals.newest() {
        Some((instance, (_, seal))) if seal.status == Some(ChainStatus::Fail) => {
            Err(ArcError::MarkedFailed { instance })
        }
        _ => Ok(()),
    }
}

/// Step 3 C, and what a seal must have.
fn check_seal(seal: Seal) -> Result<SealSignature, ArcError> {
    let Seal { instance, status, lists_fields, signature } = seal;
    let expected = if instance == 1 { ChainStatus::None } else { ChainStatus::Pass };
    if status != Some(expected) {
        return Err(ArcError::ChainValidation { instance });
    }
    if lists_fields {
        return Err(ArcError::SealListsFields { instance });
    }
    signature.map_err(|error| ArcError::Seal { instance, error: VerifyError::Signature(error) })
}

/// The fields of one name by their instance.
struct Slots<T> {
    field: ArcField,
    slots: [Option<T>; MAX_INSTANCES],
}

impl<T> Slots<T> {
    fn fill<'a>(
        field: ArcField,
        fields: &[Field<'a>],
        read: impl Fn(Field<'a>) -> Option<(u32, T)>,
    ) -> Result<Self, ArcError> {
        if fields.len() > MAX_INSTANCES {
            return Err(ArcError::TooManySets { field });
        }
        let mut slots = Self { field, slots: [const { None }; MAX_INSTANCES] };
        for written in fields {
            let (instance, value) = read(*written).ok_or(ArcError::Instance { field })?;
            match slots.slot(instance) {
                Some(slot) if slot.is_none() => *slot = Some(value),
                Some(_) => return Err(ArcError::Repeated { instance, field }),
                None => return Err(ArcError::Instance { field }),
            }
        }
        Ok(slots)
    }

    /// The highest instance, 0 if there is none.
    fn count(&self) -> u32 {
        self.newest().map_or(0, |(instance, _)| instance)
    }

    fn newest(&self) -> Option<(u32, &T)> {
        (1..).zip(&self.slots).filter_map(|(instance, slot)| Some((instance, slot.as_ref()?))).last()
    }

    fn take(&mut self, instance: u32) -> Result<T, ArcError> {
        let field = self.field;
        self.slot(instance).and_then(Option::take).ok_or(ArcError::Missing { instance, field })
    }

    fn slot(&mut self, instance: u32) -> Option<&mut Option<T>> {
        self.slots.get_mut((instance as usize).checked_sub(1)?)
    }
}
