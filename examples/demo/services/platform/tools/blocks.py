"""Reads the blocks of Terraform files, as far as the inventory needs it: resources, their attributes, nested blocks.

It is no parser of the whole language: expressions stay text. Standard library only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HEAD = re.compile(r'^(?P<kind>[a-z_]+)(?P<labels>(?:\s+"[^"]*")*)\s*\{\s*(?P<rest>.*)$')
ATTRIBUTE = re.compile(r"^(?P<name>[A-Za-z_][A-Za-z0-9_-]*)\s*=\s*(?P<value>.+)$")
LABEL = re.compile(r'"([^"]*)"')


class Unbalanced(Exception):
    """A block does not end."""


@dataclass
class Block:
    kind: str
    labels: list[str]
    file: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)

    @property
    def address(self) -> str:
        parts = self.labels if self.kind == "resource" else [self.kind, *self.labels]
        return ".".join(parts)

    def nested(self, kind: str) -> list["Block"]:
        return [b for b in self.blocks if b.kind == kind]

    def text(self, name: str) -> str | None:
        """The value without its quotes; an expression stays as it is written."""
        value = self.attributes.get(name)
        if value is None:
            return None
        return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def without_comment(line: str) -> str:
    quoted = False
    for at, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif not quoted and (character == "#" or line.startswith("//", at)):
            return line[:at].rstrip()
    return line.rstrip()


def depth_of(value: str) -> int:
    bare = LABEL.sub("", value)
    return sum(bare.count(c) for c in "{[(") - sum(bare.count(c) for c in "}])")


def read(text: str, file: str = "") -> list[Block]:
    top: list[Block] = []
    open_blocks: list[Block] = []
    value_of: tuple[Block, str] | None = None
    depth = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = without_comment(raw).strip()
        if not line:
            continue
        if value_of is not None:
            block, name = value_of
            block.attributes[name] += " " + line
            depth += depth_of(line)
            value_of = value_of if depth > 0 else None
            continue
        if line == "}":
            if not open_blocks:
                raise Unbalanced(f"{file}:{number}")
            open_blocks.pop()
            continue
        attribute = ATTRIBUTE.match(line)
        if attribute and open_blocks:
            name, value = attribute["name"], attribute["value"]
            open_blocks[-1].attributes[name] = value
            depth = depth_of(value)
            value_of = (open_blocks[-1], name) if depth > 0 else None
            continue
        head = HEAD.match(line)
        if head:
            block = Block(head["kind"], LABEL.findall(head["labels"]), file, number)
            (open_blocks[-1].blocks if open_blocks else top).append(block)
            if not head["rest"].endswith("}"):
                open_blocks.append(block)
    if open_blocks:
        raise Unbalanced(f"{file}: {open_blocks[-1].address}")
    return top


def read_folder(folder: Path) -> Iterator[Block]:
    for path in sorted(folder.rglob("*.tf")):
        yield from read(path.read_text(), path.name)
