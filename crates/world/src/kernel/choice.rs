//! The choices of a run.

/// Where choices come from once the given ones are used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rest {
    /// Always the first: the depth-first search's way.
    #[default]
    First,
    /// Random by this seed.
    Random(u64),
}

/// A choice: which, of how many.
pub type Choice = (u32, u32);

/// The choices of a run: given ones first, then by rule, all of them kept.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    given: Vec<Choice>,
    rest: Rest,
    taken: Vec<Choice>,
    quiescent: bool,
}

impl Choices {
    pub const fn new(given: Vec<Choice>, rest: Rest) -> Self {
        Self { given, rest, taken: Vec::new(), quiescent: false }
    }

    /// These choices, without knowing of how many each was one.
    pub fn again(choices: &[u32]) -> Self {
        Self::new(choices.iter().map(|choice| (*choice, 0)).collect(), Rest::First)
    }

    /// Chooses one of `n`. The first is what happens in a quiescent world.
    pub fn pick(&mut self, n: usize) -> usize {
        if n <= 1 || self.quiescent {
            return 0;
        }
        let n = n as u32;
        let choice = match self.given.get(self.taken.len()) {
            // A vector cut short or edited while shrinking may ask for more than there is.
            Some((choice, _)) => (*choice).min(n - 1),
            None => match &mut self.rest {
                Rest::First => 0,
                Rest::Random(state) => (next(state) % u64::from(n)) as u32,
            },
        };
        self.taken.push((choice, n));
        choice as usize
    }

    /// Chooses the first with a likelihood of `1 - 1 / rare`, where choices are random.
    pub fn pick_rarely(&mut self, n: usize, rare: u64) -> usize {
        if let Rest::Random(state) = &mut self.rest
            && n > 1
            && !self.quiescent
            && self.given.len() <= self.taken.len()
        {
            let choice = if next(state).is_multiple_of(rare) { (next(state) % n as u64) as u32 } else { 0 };
            self.taken.push((choice, n as u32));
            return choice as usize;
        }
        self.pick(n)
    }

    /// How many were made.
    pub const fn len(&self) -> usize {
        self.taken.len()
    }

    /// Takes the first `n` of the given ones as made.
    pub fn make(&mut self, n: usize) {
        self.taken.clear();
        self.taken.extend_from_slice(&self.given[..n]);
    }

    pub const fn quiesce(&mut self, quiescent: bool) {
        self.quiescent = quiescent;
    }

    pub fn taken(&self) -> Vec<u32> {
        self.taken.iter().map(|(choice, _)| *choice).collect()
    }

    /// The next vector in depth-first order; none when this was the last.
    pub fn next_in_order(mut self) -> Option<Vec<Choice>> {
        while let Some((choice, n)) = self.taken.pop() {
            if choice + 1 < n {
                self.taken.push((choice + 1, n));
                return Some(self.taken);
            }
        }
        None
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014).
pub const fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_first_visits_every_vector_once() {
        let mut seen = Vec::new();
        let mut given = Some(Vec::new());
        while let Some(vector) = given {
            let mut choices = Choices::new(vector, Rest::First);
            // Two, and three more only on one side.
            if choices.pick(2) == 1 {
                choices.pick(3);
            }
            seen.push(choices.taken());
            given = choices.next_in_order();
        }
        assert_eq!(seen, [vec![0], vec![1, 0], vec![1, 1], vec![1, 2]]);
    }
}
