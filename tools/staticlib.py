"""Prints the path of the static library that a crate was built into.

Reads the messages of `cargo build --message-format json` on standard input; the argument names the crate.
"""

import json
import sys


def main() -> None:
    crate = sys.argv[1]
    found = None
    for line in sys.stdin:
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and "staticlib" in message["target"]["kind"]:
            found = next((name for name in message["filenames"] if name.endswith(".a")), found)
    if found is None:
        sys.exit(f'{crate}: cargo built no static library; is crate-type = ["staticlib"] there?')
    print(found)


if __name__ == "__main__":
    main()
