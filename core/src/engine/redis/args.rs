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
    pub(super) fn push_number(&mut self, number: impl itoa::Integer) {
        self.push(itoa::Buffer::new().format(number));
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Adds other arguments behind these.
    pub(super) fn append(&mut self, others: &Self) {
        self.packed.extend_from_slice(&others.packed);
        self.count += others.count;
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
        self.packed.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self.packed.extend_from_slice(b"\r\n");
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
        rest.push_number(u64::MAX);
        let wanted = "*4\r\n$4\r\nECHO\r\n$5\r\nabc\r\n\r\n$3\r\n-10\r\n$20\r\n18446744073709551615\r\n";
        assert_eq!(head.command(&rest), wanted.as_bytes());
    }
}
