//! Documents as the official builders write them (PyPI `twilio` 9.13.0): every verb, noun and
//! attribute that they name, one document a line; apart those that are served here and those that
//! are not.

use super::*;

const DOCUMENTS: &str = include_str!("../../../data/builders.txt");

#[test]
fn documents_of_the_official_builders_have_no_problems() {
    for document in DOCUMENTS.lines() {
        let (verbs, problems) = parse::markup(document, Some(URL), Mode::Call, true);
        assert_eq!(problems, [], "{document}");
        assert_eq!(verbs.len(), 1, "{document}");
    }
    assert!(DOCUMENTS.lines().count() > 30);
}

/// What they name besides, and is not served here.
const UNSERVED: &str = include_str!("../../../data/unserved.txt");

#[test]
fn what_is_not_served_is_told() {
    for document in UNSERVED.lines() {
        let (_, problems) = parse::markup(document, Some(URL), Mode::Call, true);
        assert!(!problems.is_empty(), "{document}");
        let told: String = problems.iter().map(|problem| problem.message.as_str()).collect();
        // Attributes that stand in what is served otherwise are named one by one.
        let of = ["<Dial><Number ", "<Dial><Sip ", "<Dial><Queue "];
        if of.iter().any(|served| document.contains(served)) {
            let parsed = roxmltree::Document::parse(document).expect("XML");
            let names = parsed.descendants().flat_map(|node| node.attributes());
            for name in names.map(|attribute| attribute.name()) {
                assert!(told.contains(name), "{name}: {told}");
            }
        }
    }
    assert!(UNSERVED.lines().count() > 15);
}

#[test]
fn they_all_run_to_their_end() {
    for document in DOCUMENTS.lines().chain(UNSERVED.lines()) {
        let mut world = World::new(Start::Inline(document.to_owned()), facts(Mode::Call, false));
        world.happen("wait 100");
        world.happen("hangup");
        world.happen("wait 100");
        assert!(world.call.is_closed(), "{document}: {:?}", world.lines);
    }
}
