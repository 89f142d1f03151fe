//! The options of dkimproxy-in's own.

use dkimproxy_daemon::config::{OptionDef, Section};

/// The options of dkimproxy-in's own.
pub(crate) static OPTIONS: &[Section] = &[
    Section { title: "Results", options: RESULTS },
    Section { title: "Checks", options: CHECKS },
    Section { title: "Local rules", options: LOCAL_RULES },
    Section { title: "Actions", options: ACTIONS },
    Section { title: "DNS", options: DNS },
];

const RESULTS: &[OptionDef] = &[
    OptionDef::new("authserv_id", "NAME", "Name we give in Authentication-Results").example("mx.example.org").manual(
        "The authserv-id (RFC 8601 section 2.5): the same for all hosts of an organization, and no one else's. The \
         default is the value of hostname.",
    ),
    OptionDef::new("authserv_alias", "NAME", "Further name of ours in Authentication-Results")
        .repeats()
        .example("old-mx.example.org")
        .manual(
            "Fields with this name are removed from incoming messages as those with authserv_id and hostname are. May \
             be given several times.",
        ),
    OptionDef::new("remove_results", "own|all|none", "Which Authentication-Results to remove").default("own").manual(
        "A message may bring Authentication-Results fields along. Those that claim to be ours (or whose name nobody \
         can read) are forged and removed: own. With all, those of other hosts are removed as well; with none, nothing \
         is, and a reader can be deceived unless something else removes them.\n\n\
         X-DKIM-Authentication-Results and the fields that actions add have no name in them, so own removes each of \
         them, and so does all.\n\n\
         Removal comes after verification. Signatures that cover a removed field do not verify at later hosts.",
    ),
    OptionDef::new("keep_results", "NAME", "Foreign name whose Authentication-Results stay with remove_results all")
        .repeats()
        .example("mx.partner.example")
        .manual("A name of ours is never kept. May be given several times."),
    OptionDef::new("trusted_networks", "RANGE", "Clients that are relays of ours: a secondary MX, a mail gateway")
        .repeats()
        .example("192.0.2.0/28, 2001:db8::/64")
        .manual(
            "What they hand on was sent by somebody else, so SPF and iprev say nothing about it and are left out. Their Authentication-Results stay, and \
             nothing of theirs is refused, for that would become a bounce to an innocent. Several ranges with commas or \
             blanks between them, or the key repeated.\n\n\
             The client is the one that XFORWARD names, or, where the client that is connected may not use XFORWARD \
             (xforward_hosts), that one.",
        ),
    OptionDef::switch("received_spf", "Add Received-SPF, too").default("off").manual(
        "The field of RFC 7208 section 9.1, for readers that know no Authentication-Results.",
    ),
];

const CHECKS: &[OptionDef] = &[
    OptionDef::switch("spf", "Check whether the client may send for the domain of the envelope sender").default("on").manual(
        "SPF (RFC 7208), for the HELO name and for MAIL FROM. Needs the address of the original client: Postfix tells \
         it with XFORWARD. Without one, SPF is left out; so it is for mail from this host.",
    ),
    OptionDef::switch("dmarc", "Check whether the domain in From stands behind the message").default("on").manual(
        "DMARC (RFC 9989): a signature that passes or a passing SPF check must be aligned with the domain in From. \
         Where SPF could not be checked, a failure proves nothing, and DMARC is reported only if it passes. What the \
         domain asks to be done is written down and not done, unless dmarc_action says so.",
    ),
    OptionDef::switch("arc", "Verify the Authenticated Received Chain").default("on").manual(
        "ARC (RFC 8617), with which forwarders and mailing lists say what they found before they changed the message.",
    ),
    OptionDef::switch("iprev", "Check whether the client's address and name fit together").default("off").manual(
        "The address must have a name (PTR record) that leads back to it (RFC 8601 section 3).",
    ),
    OptionDef::switch("domainkeys", "Verify DomainKey-Signature fields, too").default("off").manual(
        "DomainKeys (RFC 4870) is historic and knows only SHA-1, which proves nothing today. Its results never count \
         for DMARC.",
    ),
    OptionDef::switch("author_policy", "Ask what a domain said about its unsigned mail before DMARC").default("off").manual(
        "ADSP (RFC 5617, historic) of the domains in From; with domainkeys on also the policy of DomainKeys (RFC 4870) \
         of the domain in Sender, or else in From. Authentication-Results says dkim-adsp. Nothing is refused for \
         it but with reject_fail. The still older draft SSP (_policy._domainkey) is not asked for.",
    )
    .difference("off; 1.4.1 asked DNS for each message, and wrote the answers nowhere"),
    OptionDef::new("max_signatures", "NUMBER", "Signatures verified per message")
        .default("20")
        .manual("Counted from the top of the message. Those beyond are not looked at; their result is permerror."),
    OptionDef::new("clock_skew", "TIME", "How far clocks may differ")
        .default("300")
        .manual("Applied to the time of signing (t=) and of expiry (x=) of a signature."),
];

const LOCAL_RULES: &[OptionDef] = &[
    OptionDef::new("uncovered_body", "policy|accept", "A signature that leaves part of the body uncovered (l=)")
        .default("policy")
        .manual(
            "Whoever gets hold of a message with such a signature can append what he likes. The result of a signature \
             that passes, but does not cover the whole body, is policy; with accept it is pass.",
        ),
    OptionDef::new("min_key_bits", "BITS", "Shortest RSA key that counts").default("1024").manual(
        "The result of a signature that passes with a shorter key is policy. Keys of less than 1024 bits never pass \
         (RFC 8301 section 3.2).",
    ),
    OptionDef::new("require_aligned", "off|relaxed|strict", "Signatures must be of the domain in From")
        .default("off")
        .manual(
            "The result of a signature that passes, but has another domain (d=) than From, is policy. With strict the \
             two must be equal, with relaxed they must belong to the same organization, as DMARC finds out. Mail that \
             a mailing list signed with its own name then has no result pass, though DMARC does not need this option.",
        ),
];

const ACTIONS: &[OptionDef] = &[
    OptionDef::new("action", "CONDITION... ACTION", "What to do with a message that has these results")
        .repeats()
        .example("dmarc=fail spf=fail,softfail reject")
        .manual(
            "A condition is METHOD=RESULT[,RESULT...], the method one of dkim, spf, dmarc, arc, iprev, domainkeys. If \
             there are several conditions, all must hold. The action is one of:\n\n\
             accept - pass the message on, whatever the rules after this one say\n\n\
             add_header NAME: VALUE - add this field and look at the next rule. The name begins with X-, and fields of \
             this name are removed from incoming messages\n\n\
             tempfail [CODE] [ENHANCED] [TEXT] - refuse the message for now; only for the result temperror, since \
             what failed will fail again (RFC 6376 section 6.3)\n\n\
             reject [CODE] [ENHANCED] [TEXT] - refuse the message\n\n\
             Rules are tried in the order written; the first that accepts or refuses decides. Codes and texts have \
             defaults that fit the result (RFC 7372, RFC 9989). Where a message has several signatures, dkim is pass \
             if any passes, else temperror if any may yet turn out good, else the worst the others say; signatures with \
             keys in test mode (t=y) count only if they pass. A dmarc=fail that ARC lifts (arc_trusted_sealers) is none \
             here.\n\n\
             Never refuse behind a queue (content_filter), where each refusal becomes a bounce to an innocent.",
        ),
    OptionDef::switch("reject_fail", "Refuse messages whose signature is wrong").default("off").manual(
        "Short for: action dkim=fail reject. Answers 550 5.7.20 if a message has signatures, none of them passes, and at \
         least one is wrong (result fail: the message was changed on its way, or somebody made the signature up) while \
         none may yet turn out good (result temperror). Keys in test mode (t=y) do not count.\n\n\
         Messages without signature and signatures that cannot be verified for other reasons pass. Think twice: RFC \
         6376 section 6.1 asks to treat a bad signature like none, and mailing lists break signatures.\n\n\
         With author_policy on, it also answers 550 5.7.1 if ADSP says discardable and no signature of the domain in \
         From passes, or if DomainKeys says o=- without t=y and no signature of the sender does. In DKIMproxy 1.4 it \
         did only that, and in the file the key had no effect.",
    )
    .difference("counts wherever it is written, and refuses wrong signatures; 1.4.1 heeded --reject-fail with a hyphen only, and refused what ADSP asked for"),
    OptionDef::switch("reject_error", "Refuse messages for now if DNS has no answer").default("off").manual(
        "Short for: action dkim=temperror tempfail. Answers 451 4.7.5 if no signature passes and the key of at least \
         one could not be fetched; the client tries again later. Otherwise the message passes with that result.\n\n\
         A signature that was looked at and failed is never a reason for this answer.",
    )
    .difference("counts wherever it is written, and for DNS trouble; 1.4.1 heeded --reject-error with a hyphen only, and never for DNS"),
    OptionDef::new("dmarc_action", "none|policy", "Whether to do what a domain asks for by DMARC").default("none").manual(
        "With policy, a message that fails DMARC is refused with 550 5.7.1 if the domain asks for reject, and gets the \
         field \"X-DMARC-Disposition: quarantine\" if it asks for quarantine. RFC 9989 section 7.4 warns: mail through \
         mailing lists fails, too.",
    ),
    OptionDef::new("arc_trusted_sealers", "DOMAIN", "Whose ARC seals may lift a DMARC failure")
        .repeats()
        .example("lists.example.org")
        .manual(
            "If the chain passes, each of its newest seals is of such a domain, and one of these tells that the message \
             passed DMARC when it came there, then a failure is not acted upon; Authentication-Results says so. Name \
             only whom you believe. Several with commas or blanks between them, or the key repeated.",
        ),
    OptionDef::switch("dry_run", "Only write down what actions would do").default("off").manual(
        "No message is refused and no field added by an action. The log line has a reason, and a comment in \
         Authentication-Results stands beside the result that would have decided.",
    ),
];

const DNS: &[OptionDef] = &[
    OptionDef::new("resolver", "ADDRESS[:PORT]", "Name server to ask").repeats().example("127.0.0.1").manual(
        "An IP address; an IPv6 address with port is written in brackets: [::1]:53. May be given several times. The \
         default is what /etc/resolv.conf says. A validating, caching resolver on this host is best.",
    ),
    OptionDef::new("dns_timeout", "TIME", "Time for all DNS questions of a message").default("20").manual(
        "All questions are asked at once, while the body of the message still comes in. What has no answer by then is \
         temperror.",
    ),
    OptionDef::new("stale_time", "TIME", "How long an old answer may stand in when DNS fails").default("0").manual(
        "An answer that is out of date by no more than this is used if there is no newer one to be had (RFC 8767). \
         With 0 none is.",
    ),
];
