//! The DKIM-Signature field (3.5), typed: parse, write, fold.
