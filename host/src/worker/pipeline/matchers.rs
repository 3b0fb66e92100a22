//! Matchers of a pipeline on one worker: asked about all streams that have begun, in one call of each.
//!
//! They fail to no match: a matcher that traps, takes too long or answers too little lets no stream take a route that
//! asks it. Routes that follow are tried as if it had said no.

use crate::breaker::Breaker;
use crate::plan::PlannedMatcher;
use crate::plugin::{Instant, MatcherInstance, MatcherQuery, Trap};
use std::ops::Range;
use zilla_engine::limits::{BATCH_FRAMES_MAX, BATCH_OCTETS_MAX};
use zilla_engine::{Engine, Question, Verdict};

/// How often wrong answers of one matcher are logged at most, in ms.
const REPORT_MS: u64 = 1_000;

/// The matchers of a pipeline, in the order of its plan.
pub(super) struct Matchers(Vec<Slot>);

struct Slot {
    /// None after a trap.
    instance: Option<Box<dyn MatcherInstance>>,
    breaker: Breaker,
    next_report_ms: u64,
}

/// What one call asks.
#[derive(Default)]
struct Call {
    /// Which of the questions.
    positions: Vec<usize>,
    queries: Vec<MatcherQuery>,
    octets: Vec<u8>,
    /// The block that was added last, and where that is: several uses may look at one stream.
    last: Option<(Range<*const u8>, u32)>,
}

impl Matchers {
    pub(super) fn new(instances: Vec<Box<dyn MatcherInstance>>) -> Self {
        let slot =
            |instance| Slot { instance: Some(instance), breaker: Breaker::default(), next_report_ms: 0 };
        Self(instances.into_iter().map(slot).collect())
    }

    /// Answers all that the engine asks.
    pub(super) fn answer(&mut self, planned: &[PlannedMatcher], engine: &mut Engine, now: Instant) {
        while engine.has_questions() {
            let questions: Vec<Question<'_>> = engine.questions().collect();
            let mut verdicts: Vec<Verdict> = vec![None; questions.len()];
            for (matcher, (slot, planned)) in self.0.iter_mut().zip(planned).enumerate() {
                for call in calls(&questions, matcher as u32) {
                    let said = slot.evaluate(planned, &call, now);
                    for (position, verdict) in call.positions.into_iter().zip(said) {
                        verdicts[position] = verdict;
                    }
                }
            }
            drop(questions);
            engine.answer_questions(verdicts);
        }
    }

    /// Gives each instance its last call.
    pub(super) fn detach(&mut self, planned: &[PlannedMatcher]) {
        for (slot, planned) in self.0.iter_mut().zip(planned) {
            if let Some(Err(trap)) = slot.instance.as_mut().map(|instance| instance.detach()) {
                tracing::warn!(matcher = %planned.name, %trap, "a matcher trapped while it was detached");
            }
        }
    }
}

/// What one matcher is asked: one call, unless that would be too much for one.
fn calls(questions: &[Question<'_>], matcher: u32) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for (position, question) in questions.iter().enumerate().filter(|(_, q)| q.of.matcher == matcher) {
        let is_full =
            |call: &Call| call.queries.len() >= BATCH_FRAMES_MAX || call.octets.len() >= BATCH_OCTETS_MAX;
        if calls.last().is_none_or(is_full) {
            calls.push(Call::default());
        }
        if let Some(call) = calls.last_mut() {
            call.add(position, question);
        }
    }
    calls
}

impl Call {
    fn add(&mut self, position: usize, question: &Question<'_>) {
        let block = question.attributes.as_ptr_range();
        let offset = match &self.last {
            Some((last, offset)) if *last == block => *offset,
            Some(_) | None => {
                let offset = self.octets.len() as u32;
                self.octets.extend_from_slice(question.attributes);
                self.last = Some((block, offset));
                offset
            }
        };
        self.positions.push(position);
        self.queries.push(MatcherQuery {
            use_index: question.of.index,
            identity: question.identity.map(str::to_owned),
            offset,
            attributes: question.attributes.len() as u32,
        });
    }
}

impl Slot {
    /// One verdict for each query, or fewer: what is missing is no match.
    fn evaluate(&mut self, planned: &PlannedMatcher, call: &Call, now: Instant) -> Vec<Verdict> {
        if !self.breaker.is_closed(now.monotonic_ms) {
            return Vec::new();
        }
        match self.call(planned, call, now) {
            Ok(verdicts) if verdicts.len() == call.queries.len() => verdicts,
            Ok(verdicts) => {
                self.report_malformed(planned, (call.queries.len(), verdicts.len()), now.monotonic_ms);
                Vec::new()
            }
            Err(trap) => {
                let (matcher, queries) = (&planned.name, call.queries.len());
                self.instance = None;
                tracing::error!(%matcher, queries, reason = %trap, "a matcher trapped, no stream of this call matches");
                if let Some(pause_ms) = self.breaker.on_trap(now.monotonic_ms) {
                    tracing::error!(%matcher, pause_ms, "breaker: a matcher traps again and again, nothing matches");
                }
                Vec::new()
            }
        }
    }

    fn call(&mut self, planned: &PlannedMatcher, call: &Call, now: Instant) -> Result<Vec<Verdict>, Trap> {
        let instance = match &mut self.instance {
            Some(instance) => instance,
            slot @ None => {
                let attached = planned.matcher_type.attach(&planned.config, &planned.uses);
                slot.insert(attached.map_err(|error| Trap::Other(error.to_string()))?)
            }
        };
        instance.evaluate(now, &call.queries, &call.octets)
    }

    /// Logs an answer with another number of verdicts than there were queries, at most once each [`REPORT_MS`].
    fn report_malformed(&mut self, planned: &PlannedMatcher, (expected, found): (usize, usize), now_ms: u64) {
        if now_ms >= self.next_report_ms {
            self.next_report_ms = now_ms + REPORT_MS;
            let matcher = &planned.name;
            tracing::error!(%matcher, expected, found, "a matcher's answer is malformed, no stream of this call matches");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{AttachError, MatcherConfig, MatcherDescription, MatcherType, PluginOptions};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use zilla_engine::limits::BATCH_FRAMES_MAX;
    use zilla_engine::{
        Batch, Binding, BindingIndex, Condition, Frame, FrameKind, Limits, Route, Routing, Use, attributes,
    };

    const NOW: Instant = Instant { monotonic_ms: 1, unix_ms: 1 };
    const OPENER: BindingIndex = BindingIndex(0);
    const ACCEPTOR: BindingIndex = BindingIndex(1);

    /// Says what `answers` does, and counts how often it is asked.
    struct Fake {
        description: MatcherDescription,
        answers: fn(&[MatcherQuery]) -> Result<Vec<Verdict>, Trap>,
        calls: Arc<AtomicUsize>,
    }

    struct FakeInstance(fn(&[MatcherQuery]) -> Result<Vec<Verdict>, Trap>, Arc<AtomicUsize>);

    impl MatcherType for Fake {
        fn describe(&self) -> &MatcherDescription {
            &self.description
        }

        fn identity(&self) -> String {
            String::new()
        }

        fn attach(&self, _: &MatcherConfig, _: &[String]) -> Result<Box<dyn MatcherInstance>, AttachError> {
            Ok(Box::new(FakeInstance(self.answers, Arc::clone(&self.calls))))
        }
    }

    impl MatcherInstance for FakeInstance {
        fn evaluate(
            &mut self,
            _: Instant,
            queries: &[MatcherQuery],
            octets: &[u8],
        ) -> Result<Vec<Verdict>, Trap> {
            self.1.fetch_add(1, Ordering::Relaxed);
            for query in queries {
                let block = &octets[query.offset as usize..][..query.attributes as usize];
                assert_eq!(attributes::entries(block).count(), 1, "each has its attributes");
            }
            (self.0)(queries)
        }

        fn detach(&mut self) -> Result<(), Trap> {
            Ok(())
        }
    }

    /// Opens so many streams on a route with two uses of a matcher, and says how many were accepted, after how many
    /// calls.
    fn accepted(streams: u32, answers: fn(&[MatcherQuery]) -> Result<Vec<Verdict>, Trap>) -> (usize, usize) {
        let [first, second] = [0, 1].map(|index| Use { matcher: 0, index });
        let condition = Condition { any: vec![vec![]], matched: vec![first, second] };
        let route = Route { conditions: vec![condition], exit: Some(ACCEPTOR), ..Route::default() };
        let bindings = vec![
            Binding { routing: Routing::Opened, routes: vec![route], quota: None },
            Binding { routing: Routing::None, routes: Vec::new(), quota: None },
        ];
        let mut engine = Engine::new(Limits::default(), bindings);
        let mut block = Vec::new();
        attributes::push(&mut block, b"name", b"value");
        let begin =
            |id: u32| Frame { attributes: block.len() as u32, ..Frame::new(2 * id, FrameKind::Begin) };
        engine.handle(OPENER, &(1..=streams).map(begin).collect::<Vec<_>>(), &[], &block);

        let calls = Arc::<AtomicUsize>::default();
        let description = MatcherDescription {
            type_name: String::new(),
            version: String::new(),
            options_schema: String::new(),
            arguments_schema: String::new(),
        };
        let fake = Fake { description, answers, calls: Arc::clone(&calls) };
        let config = MatcherConfig { namespace: "n".into(), name: "m".into(), options: "{}".into() };
        let instance = fake.attach(&config, &[]).unwrap();
        let planned = PlannedMatcher {
            name: "n:m".into(),
            matcher_type: Arc::new(fake),
            config,
            options: PluginOptions::default(),
            uses: vec!["{}".into(), "{}".into()],
        };
        Matchers::new(vec![instance]).answer(&[planned], &mut engine, NOW);
        assert!(!engine.has_questions());
        let (mut batch, mut begun) = (Batch::default(), 0);
        while engine.queued_for(ACCEPTOR) > 0 {
            engine.take(ACCEPTOR, &mut batch);
            begun += batch.frames.len();
        }
        (begun, calls.load(Ordering::Relaxed))
    }

    fn all(queries: &[MatcherQuery]) -> Result<Vec<Verdict>, Trap> {
        Ok(queries.iter().map(|_| Some(Vec::new())).collect())
    }

    #[test]
    fn streams_that_begin_together_share_a_call() {
        assert_eq!(accepted(64, all), (64, 1));
        assert_eq!(accepted(BATCH_FRAMES_MAX as u32, all), (BATCH_FRAMES_MAX, 2), "a call has its bounds");
    }

    #[test]
    fn an_answer_with_another_number_of_verdicts_matches_nothing() {
        assert_eq!(accepted(3, |queries| all(&queries[1..])), (0, 1));
        assert_eq!(accepted(3, |queries| all(&[queries, &queries[..1]].concat())), (0, 1));
        assert_eq!(accepted(3, |_| Ok(Vec::new())), (0, 1));
    }

    #[test]
    fn a_trap_matches_nothing() {
        assert_eq!(accepted(3, |_| Err(Trap::Other("it did".into()))), (0, 1));
    }
}
