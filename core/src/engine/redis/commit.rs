//! Group commit: requests for one object that meet on their way share a call, a message and a log entry.
//!
//! A request that finds no call under way is sent at once. Beside one a second departs when a third of all callers
//! wait; all others wait for the next to return. So while the server does one third, the next is on its way to it, and
//! the last is with its callers. There is no timer: under load batches grow by themselves, and one caller never waits
//! for another.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::args::Args;
use super::link::Link;
use super::resp::Value;
use super::script::{self, Script};
use crate::error::{Error, Result};
use crate::url::Callers;

/// How many calls of one object are under way at once.
const FLYING: usize = 2;
/// From how many callers on that are far it is one: each answer finds a thread to wake, and fewer answers wake fewer.
const MANY: usize = 9;
/// The most requests of one call: with them it takes the server well under a millisecond.
const BATCH: usize = 256;
/// The most bytes of one call, unless a single request has more.
const BYTES: usize = 1 << 20;

/// What travels in calls that are shared: requests of one kind for one object.
pub(super) trait Freight: Send + Sync + 'static {
    /// What is asked for.
    type Request: Send;
    /// What becomes of it.
    type Verdict: Send;
    /// Which script does a batch.
    type Form: Copy + Send;
    /// What others want to hear of a call.
    type News;

    /// About how many bytes a request takes.
    fn size(request: &Self::Request) -> usize;

    /// Whether a request shares its call with no other.
    fn alone(_request: &Self::Request) -> bool {
        false
    }

    /// The keys of all its scripts.
    fn keys(&self) -> &[Vec<u8>];

    /// The script of a form.
    fn script(form: Self::Form) -> &'static Script;

    /// Packs a batch: which form it has, and the arguments.
    fn pack(&self, requests: &[&Self::Request]) -> (Self::Form, Args);

    /// What the answer says; `None` if it makes no sense.
    fn unpack(
        &self,
        form: Self::Form,
        answer: Value,
        requests: &[&Self::Request],
    ) -> Option<Result<Done<Self>>>;

    /// Tells the news of a call, before anyone hears of its verdicts.
    fn tell(&self, news: Self::News);
}

/// What a call has done.
pub(super) struct Done<F: Freight + ?Sized> {
    /// For others, if anything changed.
    pub(super) news: Option<F::News>,
    /// One for each request.
    pub(super) verdicts: Vec<Result<F::Verdict>>,
}

/// The requests for one object on their way to the server.
pub(super) struct Commit<F: Freight> {
    link: Arc<Link>,
    pub(super) freight: F,
    queue: Mutex<Queue<F>>,
}

struct Queue<F: Freight> {
    waiting: VecDeque<Waiting<F>>,
    flying: usize,
    /// How many requests have no verdict,
    unanswered: usize,
    /// and how many had none at most, lately: those are the callers.
    callers: usize,
    /// Whether they are on other threads.
    far: bool,
}

/// A request and who waits for its verdict.
struct Waiting<F: Freight> {
    request: F::Request,
    answer: oneshot::Sender<Result<F::Verdict>>,
}

impl<F: Freight> Commit<F> {
    pub(super) fn new(link: Arc<Link>, freight: F) -> Arc<Self> {
        let queue = Queue {
            waiting: VecDeque::new(),
            flying: 0,
            unanswered: 0,
            callers: 0,
            far: link.callers == Callers::Far,
        };
        Arc::new(Self { link, freight, queue: Mutex::new(queue) })
    }

    /// Sends a request with the next call.
    pub(super) async fn send(self: &Arc<Self>, request: F::Request) -> Result<F::Verdict> {
        self.link.connected().await?;
        let (answer, verdict) = oneshot::channel();
        let (next, alone) = {
            let mut queue = self.queue.lock();
            queue.waiting.push_back(Waiting { request, answer });
            queue.unanswered += 1;
            let next = queue.depart();
            (next, queue.unanswered == 1)
        };
        let close = alone && self.link.soon.is_close();
        // Who has made a pause is in no hurry: others hear of it first.
        self.call(next, alone && !close);
        if close {
            self.link.soon.until(|| !verdict.is_empty()).await;
        }
        let ended = |_| Err(Error::closed("the client was closed").with_maybe_applied(true));
        verdict.await.unwrap_or_else(ended)
    }

    /// Makes the next call, on the thread of whoever found that there is one to make: the first of its callers, or
    /// the task that reads the answer to the call before.
    fn call(self: &Arc<Self>, batch: Vec<Waiting<F>>, news_first: bool) {
        if !batch.is_empty() {
            let (form, args) = self.freight.pack(&requests(&batch));
            let command = F::script(form).call(self.freight.keys()).command(&args);
            self.transmit(&command, Flight { batch, form, args, introduced: false, news_first });
        }
    }

    fn transmit(self: &Arc<Self>, command: &[u8], flight: Flight<F>) {
        // The batch is in one of two hands: with the answer, or back here if nothing was sent.
        let news_first = flight.news_first;
        let flight = Arc::new(Mutex::new(Some(flight)));
        let (commit, theirs) = (self.clone(), flight.clone());
        let sent = self.link.send(command, news_first, move |answer| {
            if let Some(flight) = theirs.lock().take() {
                commit.answered(flight, answer);
            }
        });
        if let Err(error) = sent
            && let Some(flight) = flight.lock().take()
        {
            self.finish(flight.batch, Err(error));
        }
    }

    fn answered(self: &Arc<Self>, mut flight: Flight<F>, answer: Result<Value>) {
        match answer {
            Err(error) if !flight.introduced && script::unknown(&error) => {
                flight.introduced = true;
                let script = F::script(flight.form);
                let command = script.introduce(self.freight.keys()).command(&flight.args);
                self.transmit(&command, flight);
            }
            answer => {
                let strange =
                    || Err(Error::internal("the script gave a strange answer").with_maybe_applied(true));
                let read = |answer| self.freight.unpack(flight.form, answer, &requests(&flight.batch));
                let done = answer.and_then(|answer| read(answer).unwrap_or_else(strange));
                self.finish(flight.batch, done);
            }
        }
    }

    /// Goes on with the requests that came meanwhile, so that the server has work; then tells the news and each caller
    /// what became of its request.
    fn finish(self: &Arc<Self>, batch: Vec<Waiting<F>>, done: Result<Done<F>>) {
        let next = {
            let mut queue = self.queue.lock();
            queue.flying -= 1;
            queue.unanswered -= batch.len();
            queue.depart()
        };
        self.call(next, false);
        let verdicts = match done {
            Ok(Done { news, verdicts }) => {
                news.into_iter().for_each(|news| self.freight.tell(news));
                verdicts
            }
            Err(error) => {
                let again =
                    || Error::new(error.kind(), error.message()).with_maybe_applied(error.maybe_applied());
                batch.iter().map(|_| Err(again())).collect()
            }
        };
        for (waiting, verdict) in batch.into_iter().zip(verdicts) {
            // Who has stopped waiting does not want to know.
            drop(waiting.answer.send(verdict));
        }
    }
}

fn requests<F: Freight>(batch: &[Waiting<F>]) -> Vec<&F::Request> {
    batch.iter().map(|waiting| &waiting.request).collect()
}

/// A call under way.
struct Flight<F: Freight> {
    batch: Vec<Waiting<F>>,
    form: F::Form,
    args: Args,
    /// Whether the script's text was sent with it.
    introduced: bool,
    /// Whether others shall hear of it first.
    news_first: bool,
}

impl<F: Freight> Queue<F> {
    /// The next call to make: at once if none is under way; beside another only if it is worth its while, or the
    /// first caller to come back would always travel alone.
    fn depart(&mut self) -> Vec<Waiting<F>> {
        // Whoever comes when nobody else is here is the first of others.
        self.callers = if self.unanswered == 1 { 1 } else { self.callers.max(self.unanswered) };
        let worthwhile = self.flying == 0 || self.waiting.len() * 3 >= self.callers;
        let most = if self.far && self.callers >= MANY { 1 } else { FLYING };
        if self.flying >= most || !worthwhile {
            return Vec::new();
        }
        let waited = self.waiting.len();
        let batch = self.take();
        // Those that nobody waits for any more go without.
        self.unanswered -= waited - self.waiting.len() - batch.len();
        if !batch.is_empty() {
            self.flying += 1;
            // Callers who have left are forgotten within some calls.
            self.callers = self.unanswered.max(self.callers - self.callers / 64);
        }
        batch
    }

    /// The requests of the next call: those that came first, as many as fit.
    fn take(&mut self) -> Vec<Waiting<F>> {
        let mut bytes = 0;
        let mut batch = Vec::new();
        while let Some(next) = self.waiting.front() {
            let alone = F::alone(&next.request);
            bytes += F::size(&next.request);
            if !batch.is_empty() && (alone || bytes > BYTES || batch.len() >= BATCH) {
                break;
            }
            batch.extend(self.waiting.pop_front().filter(|waiting| !waiting.answer.is_closed()));
            if alone {
                break;
            }
        }
        batch
    }
}
