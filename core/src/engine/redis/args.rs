//! The arguments of a script call, packed as the protocol has them while they are put together.

/// Arguments behind each other, each behind its length.
#[derive(Clone, Debug, Default)]
pub(super) struct Args {
    packed: Vec<u8>,
    count: usize,
}

impl Args {
    pub(super) fn push(&mut self, argument: impl AsRef<[u8]>) {
        self.push_parts(&[argument.as_ref()]);
    }

    /// Adds one argument that is made of these parts.
    pub(super) fn push_parts(&mut self, parts: &[&[u8]]) {
        self.head(b'$', parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| self.packed.extend_from_slice(part));
        self.packed.extend_from_slice(b"\r\n");
        self.count += 1;
    }

    /// Adds a number as decimal text.
    pub(super) fn push_number(&mut self, number: impl ToString) {
        self.push(number.to_string());
    }

    /// The whole command that begins with these arguments and goes on with `rest`.
    pub(super) fn command(self, rest: &Self) -> Vec<u8> {
        let mut command =
            Self { packed: Vec::with_capacity(self.packed.len() + rest.packed.len() + 16), count: 0 };
        command.head(b'*', self.count + rest.count);
        command.packed.extend_from_slice(&self.packed);
        command.packed.extend_from_slice(&rest.packed);
        command.packed
    }

    fn head(&mut self, kind: u8, number: usize) {
        self.packed.push(kind);
        self.packed.extend_from_slice(decimal(number, &mut [0; 20]));
        self.packed.extend_from_slice(b"\r\n");
    }
}

/// Decimal text without an allocation: every argument has a length.
fn decimal(mut number: usize, text: &mut [u8; 20]) -> &[u8] {
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &text[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_as_the_protocol_wants_it() {
        let (mut head, mut rest) = (Args::default(), Args::default());
        head.push("ECHO");
        rest.push_parts(&[b"a", b"", b"bc\r\n"]);
        rest.push_number(-10);
        assert_eq!(head.command(&rest), b"*3\r\n$4\r\nECHO\r\n$5\r\nabc\r\n\r\n$3\r\n-10\r\n");
    }

    #[test]
    fn numbers_are_written_as_usual() {
        for number in [0, 9, 10, 1_234, usize::MAX] {
            assert_eq!(decimal(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }
}
