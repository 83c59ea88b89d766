//! Documents as the official builders write them (PyPI `twilio` 9.13.0): every verb, noun and
//! attribute that they name and that is served here, one document a line.

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

#[test]
fn they_all_run_to_their_end() {
    for document in DOCUMENTS.lines() {
        let mut world = World::new(Start::Inline(document.to_owned()), facts(Mode::Call, false));
        world.happen("wait 100");
        world.happen("hangup");
        world.happen("wait 100");
        assert!(world.call.is_closed(), "{document}: {:?}", world.lines);
    }
}
