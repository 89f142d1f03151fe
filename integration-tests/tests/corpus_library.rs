//! The conformance data of other projects whose cases are smaller than a message, through the libraries.
//!
//! As `corpus.rs`, which runs whole messages through `dkimproxy-in verify`: the folder is named by the environment
//! variable CORPORA, `../shared/corpora` beside the repository by default. Where the text of an RFC overrules an
//! expectation, the case stands in `corpus-library-exceptions.txt` with our finding and the RFC's sentence.

#[path = "corpus_library/dmarc.rs"]
mod dmarc;
#[path = "corpus_library/fields.rs"]
mod fields;
#[path = "corpus_library/spf.rs"]
mod spf;
#[path = "corpus_library/suite.rs"]
mod suite;

use suite::{Case, Finding};

/// What we say of a case; None: it is not for us to judge.
type Judge = fn(&Case) -> Option<Finding>;

/// Who runs the cases of a kind. A judge gives None for a case that is not of this sort after all.
const KINDS: &[(&str, Judge)] = &[
    ("spf", spf::check_host),
    ("dmarc", dmarc::evaluate),
    ("dmarc-record", dmarc::record),
    ("dmarc-align", dmarc::alignment),
    ("dmarc-orgdomain", dmarc::organizational_domain),
    ("from-domain", fields::from_domain),
    ("ar-parse", fields::authentication_results),
    ("ar-merge", fields::results_of_one_id),
    ("tag-list", fields::tag_list),
    ("dkim-key-record", fields::key_record),
    ("dkim-signature-header", fields::signature_field),
    ("dkim-signature-value", fields::signature_body),
    ("fuzz", fields::seeds),
];

#[test]
fn library_cases() {
    suite::run(KINDS, "corpus-library-exceptions.txt");
}
