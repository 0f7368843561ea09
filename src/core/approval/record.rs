//! What the events of approvals make of the state.

use super::super::state::{State, Swarm};
use crate::model::{
    Actor, Approval, ApprovalAnswer, ApprovalId, ApprovalState, Event, EventRecord, Reach,
    Remember, Remembered, Resolution, Stamp,
};

/// Approvals that are over and still known; beyond it the oldest are forgotten.
const KEPT: usize = 1000;

pub fn apply(state: &mut State, record: &EventRecord) {
    let at = record.time;
    match &record.event {
        Event::ApprovalAsked { approval } => {
            state.approvals_made += 1;
            state.approvals.insert(approval.id.clone(), (**approval).clone());
            forget_oldest(state);
        }
        Event::ApprovalJoined { approval, key } => {
            if let Some(approval) = state.approvals.get_mut(approval) {
                approval.keys.push(key.clone());
            }
        }
        Event::ApprovalAnswered { approval, by, verdict, remember, note } => {
            let (by, note) = (by.clone(), note.clone());
            let answer = ApprovalAnswer { by, verdict: *verdict, remember: *remember, note, at };
            answer_with(state, approval, answer);
        }
        Event::ApprovalRecalled { approval, earlier, verdict } => {
            let note = state.remembered.iter().find(|known| known.approval == *earlier);
            let note = note.map(|known| known.note.clone()).unwrap_or_default();
            if let Some(approval) = state.approvals.get_mut(approval) {
                end(approval, of(*verdict), at);
                approval.note = note;
            }
        }
        Event::ApprovalExpired { approval } => {
            if let Some(approval) = state.approvals.get_mut(approval) {
                end(approval, ApprovalState::Expired, at);
            }
        }
        Event::ApprovalWithdrawn { approval, why } => {
            if let Some(approval) = state.approvals.get_mut(approval) {
                end(approval, ApprovalState::Withdrawn, at);
                approval.note.clone_from(why);
            }
        }
        Event::AnswerForgotten { number, .. } => {
            state.remembered.retain(|known| known.number != *number);
        }
        _ => {}
    }
}

fn of(verdict: Resolution) -> ApprovalState {
    match verdict {
        Resolution::Approve => ApprovalState::Approved,
        Resolution::Deny => ApprovalState::Denied,
    }
}

fn end(approval: &mut Approval, state: ApprovalState, at: Stamp) {
    approval.state = state;
    approval.ended_at = Some(at);
}

fn answer_with(state: &mut State, id: &ApprovalId, answer: ApprovalAnswer) {
    let Some(approval) = state.approvals.get_mut(id) else { return };
    let (verdict, at) = (answer.verdict, answer.at);
    if !answer.note.is_empty() {
        approval.note.clone_from(&answer.note);
    }
    let denied = verdict == Resolution::Deny;
    let remember = answer.remember;
    approval.answers.push(answer);
    let approvers = approval.answers.iter().filter(|answer| answer.verdict == Resolution::Approve);
    if !denied && approvers.clone().count() < approval.needs as usize {
        return;
    }
    // Nobody's approval reaches further than its giver said.
    let narrowest = approvers.map(|answer| answer.remember).min().unwrap_or_default();
    approval.remember = if denied { remember } else { narrowest };
    end(approval, of(verdict), at);
    let reach = match approval.remember {
        Remember::Once => return,
        Remember::Agent => Reach::Agent(approval.agent.clone()),
        Remember::Swarm => Reach::Swarm(approval.swarm.clone()),
        Remember::Always => Reach::Always,
    };
    let Some(subject) = approval.question.subject() else { return };
    let subject = if let Reach::Swarm(_) = reach { subject.anywhere() } else { subject };
    let agreed = approval.answers.iter().filter(|answer| answer.verdict == verdict);
    let by: Vec<Actor> = agreed.map(|answer| answer.by.clone()).collect();
    state.remembered_made += 1;
    let remembered = Remembered {
        number: state.remembered_made,
        approval: id.clone(),
        eyes: by.len() as u32,
        note: approval.note.clone(),
        subject,
        reach,
        verdict,
        by,
        at,
    };
    // The same again takes the place of what was said before.
    state
        .remembered
        .retain(|known| (&known.subject, &known.reach) != (&remembered.subject, &remembered.reach));
    state.remembered.push(remembered);
}

fn forget_oldest(state: &mut State) {
    let over = state.approvals.values().filter(|approval| !approval.is_open());
    if over.clone().count() > KEPT {
        let oldest = over.min_by_key(|approval| approval.id.number());
        if let Some(id) = oldest.map(|approval| approval.id.clone()) {
            state.approvals.remove(&id);
        }
    }
}

/// A swarm was removed: its questions and the answers that stood for it alone go with it.
pub fn forget_swarm(state: &mut State, swarm: &Swarm) {
    state.approvals.retain(|_, approval| approval.swarm != swarm.id);
    state.remembered.retain(|known| match &known.reach {
        Reach::Agent(agent) => !swarm.agents.contains(agent),
        Reach::Swarm(of) => *of != swarm.id,
        Reach::Always => true,
    });
}
