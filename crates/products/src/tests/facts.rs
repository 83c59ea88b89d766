//! Each declared resource against the table of Twilio's facts (`data/resources.tsv`, made by
//! `cargo xtask facts`).

use std::collections::{BTreeMap, BTreeSet};

use crate::accounts::Verb;
use crate::declared;
use crate::resource::{Field, Form, Resource, member};

const TABLE: &str = include_str!("../../data/resources.tsv");

/// What is other than Twilio's on purpose, or not yet: `list member`, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("Addresses auto_correct_address", "no postal service is asked"),
    ("IncomingPhoneNumbers emergency_address_status", "comes with emergency calling"),
    ("IncomingPhoneNumbers area_code", "a rule: buy"),
    ("Keys policy", "shown on the iam host alone"),
    ("Keys secret", "a rule: make_secret"),
    ("SigningKeys secret", "a rule: make_secret"),
    ("Subscriptions types", "a rule: subscribe"),
    ("Webhooks event_types", "a rule: wanted_kinds"),
    ("Triggers recurring", "a choice without a default"),
    ("OutgoingCallerIds call_delay", "of the request that a call answers: voice"),
    ("OutgoingCallerIds extension", "of the request"),
    ("OutgoingCallerIds status_callback", "of the request"),
    ("OutgoingCallerIds status_callback_method", "of the request"),
    ("OutgoingCallerIds call_sid", "of the request"),
    ("OutgoingCallerIds validation_code", "of the request"),
    ("OutgoingCallerIds phone_number", "made by a call: voice"),
    ("OutgoingCallerIds friendly_name", "made by a call: voice"),
];

struct Fact<'a> {
    form: &'a str,
    access: &'a str,
}

fn facts_of<'a>(resource: &Resource) -> BTreeMap<&'a str, Fact<'a>> {
    let rows = TABLE.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(|row| row[0] == resource.host && row[1] == resource.path)
        .map(|row| (row[2], Fact { form: row[3], access: row[4] }))
        .collect()
}

/// Members that every document has.
const COMMON: [&str; 7] =
    ["sid", "account_sid", "date_created", "date_updated", "uri", "url", "links"];

fn access(resource: &Resource, field: &Field) -> String {
    let can = |verb| resource.operations.contains(&verb);
    [
        (!field.hidden, 'r'),
        (field.create && can(Verb::Create), 'c'),
        (field.update && can(Verb::Update), 'u'),
    ]
    .into_iter()
    .filter_map(|(can, letter)| can.then_some(letter))
    .collect()
}

fn fits(form: Form, fact: &str) -> bool {
    match form {
        Form::Url => fact == "uri",
        Form::Method => fact == "enum:GET|POST" || fact == "method",
        Form::Bool => fact == "boolean",
        Form::Choice(_) => fact.starts_with("enum:") || fact == "string",
        Form::Sid(prefix) => fact == format!("sid:{prefix}"),
        Form::Phone => fact == "phone" || fact == "string",
        Form::Text(_) | Form::Country => fact == "string",
        Form::Int(..) => fact == "integer",
        Form::Json => true,
    }
}

#[test]
fn declared_resources_are_twilios() {
    let mut found = Vec::new();
    let mut unused: BTreeSet<&str> = DIFFERENT.iter().map(|(name, _)| *name).collect();
    for resource in declared() {
        let facts = facts_of(resource);
        assert!(!facts.is_empty(), "{} {} is not Twilio's", resource.host, resource.path);
        let list = resource.path.rsplit('/').next().unwrap_or_default();
        let mut differs = |member: &str, what: String| {
            let name = format!("{list} {member}");
            unused.remove(name.as_str());
            if !DIFFERENT.iter().any(|(known, _)| *known == name) {
                found.push(format!("{name}: {what}"));
            }
        };
        let mut declared: BTreeSet<String> = resource.fields.iter().map(Field::member).collect();
        declared.extend(resource.ancestors().iter().map(|(segment, _)| member(segment)));
        for (member, fact) in &facts {
            if !COMMON.contains(member) && !declared.contains(*member) {
                differs(member, format!("is missing ({}, {})", fact.form, fact.access));
            }
        }
        for field in resource.fields {
            let member = field.member();
            match facts.get(member.as_str()) {
                None if field.hidden => {}
                None => differs(&member, "is not Twilio's".to_owned()),
                Some(fact) if !fits(field.form, fact.form) => {
                    differs(&member, format!("is a {}, not {:?}", fact.form, field.form));
                }
                Some(fact) => {
                    let ours = access(resource, field);
                    if ours != fact.access {
                        differs(&member, format!("is {}, not {ours}", fact.access));
                    }
                }
            }
        }
    }
    assert!(unused.is_empty(), "no longer different: {unused:?}");
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}
