//! The port of a topic, and the topics of a run.

use std::rc::Rc;

use tenfold_ports::CallError;
use tenfold_ports::queue::Rejected;
use tenfold_ports::topic::{Notice, Topic};

use crate::aws::topic::{QueueSubscription, Subscriptions, TopicSettings};
use crate::kernel::ids::TopicId;
use crate::run::env::Env;
use crate::run::state::{RunState, detail};
use crate::run::timed::Transport;
use crate::run::world::World;

impl World {
    /// Adds a topic.
    pub fn add_topic(&self, name: &'static str, settings: TopicSettings) -> TopicId {
        let topics = &mut self.state.borrow_mut().services.topics;
        topics.push(Subscriptions::new(name, settings));
        TopicId { index: topics.len() - 1, name }
    }

    /// Subscribes a queue to a topic. SNS does not deliver from a standard topic to a FIFO queue.
    pub fn subscribe(&self, topic: TopicId, subscription: QueueSubscription) {
        let mut state = self.state.borrow_mut();
        let to_fifo = state.queues[subscription.queue.index].is_fifo();
        let topic = &mut state.services.topics[topic.index];
        debug_assert!(topic.settings.fifo || !to_fifo, "a FIFO queue subscribes to FIFO topics only");
        topic.add(subscription);
    }
}

/// A topic as a handler holds it: an environment and which topic.
#[derive(Debug, Clone)]
pub struct TopicOf {
    env: Env,
    topic: TopicId,
}

impl Env {
    /// The port of a topic.
    #[must_use]
    pub fn topic(&self, topic: TopicId) -> TopicOf {
        TopicOf { env: self.clone(), topic }
    }
}

/// What is paid for as one request, in bytes.
const REQUEST: usize = 64 << 10;

impl RunState {
    fn publish(&mut self, topic: usize, notices: &[Notice]) -> Result<Rejected, CallError> {
        self.spend_rate("topic.publishes", "", notices.len())?;
        let topic = &mut self.services.topics[topic];
        let (rejected, posted) = topic.publish(notices, self.now, &mut self.choices)?;
        if let Some(timed) = &mut self.timed {
            let bytes: usize = notices.iter().map(Notice::size).sum();
            timed.published += bytes.div_ceil(REQUEST).max(1) as u64;
        }
        posted.into_iter().for_each(|message| self.bring(Transport::Topic, message));
        Ok(rejected)
    }
}

impl Topic for TopicOf {
    async fn publish(&self, notices: Vec<Notice>) -> Result<Rejected, CallError> {
        if notices.is_empty() {
            return Ok(Rejected::new());
        }
        let TopicId { index: topic, name } = self.topic;
        let notices: Rc<[Notice]> = notices.into();
        let effect = move |state: &mut RunState| {
            let result = state.sends(&notices, |state, notices| state.publish(topic, notices));
            let what = detail(state, || {
                let show = |notice: &Notice| {
                    let attributes = notice.attributes.iter().map(|(n, v)| format!("{n}={} ", v.to_text()));
                    format!("{}{}", attributes.collect::<String>(), notice.body)
                };
                let all = notices.iter().map(show).collect::<Vec<_>>().join(", ");
                match &result {
                    Ok(rejected) if rejected.is_empty() => all,
                    result => format!("{all} -> {result:?}"),
                }
            });
            (result, what)
        };
        self.env.call(self.env.site("topic.publish", name), effect).await
    }
}

#[cfg(test)]
mod tests;
