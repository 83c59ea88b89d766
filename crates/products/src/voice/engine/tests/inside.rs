//! Calls to numbers and applications of this installation, and what a document asks for in vain.

use super::*;
use crate::voice::model::{ApplicationCall, OnNet};
use crate::voice::work::Draft;

fn drafts(world: &mut World) -> Vec<Draft> {
    let of = |output| match output {
        Output::Dial { draft, .. } => Some(*draft),
        _ => None,
    };
    world.outputs().into_iter().filter_map(of).collect()
}

fn warnings(world: &mut World) -> Vec<String> {
    let of = |output| match output {
        Output::Problem { problem, .. } => Some(problem.message),
        _ => None,
    };
    world.outputs().into_iter().filter_map(of).collect()
}

const APPLICATION: &str = "AP00000000000000000000000000000001";

#[test]
fn an_application_is_called_with_its_parameters_and_the_way_so_far() {
    let mut world = World::new();
    let noun = format!(
        "<ApplicationSid>{APPLICATION}</ApplicationSid><Parameter name='a' value='b'/></Application>"
    );
    world.call(&format!("<Dial><Application>{noun}</Dial>"));
    let draft = drafts(&mut world).pop().expect("a leg");
    let params = vec![("a".to_owned(), "b".to_owned())];
    let customer = account().to_string();
    let call = ApplicationCall { sid: APPLICATION.to_owned(), customer, params };
    assert_eq!(draft.plan.onnet, Some(OnNet::Application(call)));
    assert_eq!((draft.to.address().as_str(), draft.from.as_str()), (APPLICATION, "+15550001111"));
    assert_eq!(draft.plan.path, ["+15550002222"], "it came through our number");
    world.call(&format!("<Dial><Application customerId='c' copyParentTo='true'>{noun}</Dial>"));
    let draft = drafts(&mut world).pop().expect("a leg");
    assert_eq!(draft.to.address(), "+15550002222", "To is the caller's own");
    let Some(OnNet::Application(call)) = draft.plan.onnet else { panic!("an application") };
    assert_eq!(call.customer, "c");
}

#[test]
fn the_way_grows_with_every_number_of_ours() {
    let mut world = World::new();
    let plan = Plan { path: vec!["+15550003333".to_owned()], ..Plan::default() };
    let call = world.call_of("<Pause length='1'/><Dial>+15550004444</Dial>", plan);
    world.pass(2);
    let draft = drafts(&mut world).pop().expect("a leg");
    assert_eq!(draft.plan.path, ["+15550003333", "+15550002222"]);
    assert!(draft.plan.onnet.is_none(), "whose number it is, the tables say");
    world.hang_up(call);
}

#[test]
fn an_applications_parameters_go_with_every_question() {
    let mut world = World::new();
    let call = world.call("<Pause length='1'/><Redirect>http://app/next</Redirect>");
    let live = world.engine.calls.get_mut(&call).expect("it lives");
    live.extra = vec![("Param_a".to_owned(), "b".to_owned())];
    world.pass(2);
    assert_eq!(world.answer(call, "").get("Param_a"), Some("b"));
}

#[test]
fn what_is_not_served_is_told() {
    let mut world = World::new();
    world.call("<Dial events='call-progress-event' passports='p'>+15550004444</Dial>");
    world.call("<Record transcribe='true' recordingConfigurationId='c'/>");
    let room = "<Conference eventCallbackUrl='http://app/e'>room</Conference>";
    world.call(&format!("<Dial recordingConfigurationId='c'>{room}</Dial>"));
    world.call("<Gather input='speech' hints='yes' speechTimeout='2' enhanced='true'/>");
    let told = warnings(&mut world).join("\n");
    for name in ["events", "passports", "transcribe", "eventCallbackUrl", "enhanced"] {
        assert!(told.contains(name), "{name}: {told}");
    }
    assert_eq!(told.matches("recordingConfigurationId").count(), 2, "{told}");
}
