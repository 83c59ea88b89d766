//! Documents that a call brings with it.

use super::*;

#[test]
fn a_page_of_the_plan_is_asked_of_nobody() {
    let mut world = World::new();
    let mut plan = Plan::default();
    let page = "<Response><Say>one</Say></Response>".to_owned();
    plan.pages.insert("https://plan.invalid/code".to_owned(), page);
    let gather =
        |to: &str| format!("<Gather numDigits=\"1\" action=\"https://plan.invalid/{to}\"/>");
    let of = |world: &mut World, to: &str| {
        let call = world.call_of(&gather(to), plan.clone());
        world.outputs();
        let leg = media::Owner::Leg(world.media(call));
        world.tell(Input::Media(leg, media::Event::Digit { digit: '1' }));
        let outputs = world.outputs();
        let speaks = outputs.iter().any(|output| matches!(output, Output::Speak { .. }));
        let asks = outputs.iter().any(|output| matches!(output, Output::Fetch { .. }));
        (speaks, asks)
    };
    assert_eq!(of(&mut world, "code"), (true, false));
    assert_eq!(of(&mut world, "other"), (false, true), "what is no page of it is asked for");
}
