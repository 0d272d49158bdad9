"""Refuses policies that know the tasks: nothing of prompts, environments or injections may stand in what is in force.

A policy may name tools, arguments, paths into results, classes, enum values, attributes of principals and domains of its
owner. Prints what it found and exits with 1 where anything else was; also where a tool has more than three rules on calls.
"""

import os
import pathlib
import re
import sys

sys.path.insert(0, os.environ["HARNESS"])

import yaml  # noqa: E402
from suites import SUITES  # noqa: E402

ROOT = pathlib.Path(__file__).parent.parent.parent
FILES = sorted((ROOT / "deploy/policies").glob("*/policy.yaml")) + sorted((ROOT / "test/security/resources").glob("*/tools.yaml"))
MOST_RULES = 3
PHRASE = 4
ENTITY = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+|(?:https?://|www\.)\S+|[A-Z]{2}\d{6,}|\d{4}-\d\d-\d\d|\b\d{3,}\b|\w+[-_]\w+\.\w{2,4}\b")
LITERAL = re.compile(r"'([^']*)'|\"([^\"]*)\"")
# Classes, and servers of which a source in the context begins with a word of the convention.
SAID = re.compile(r"read|write|egress|sensitive|tool:(?:private|outward)-")
WORD = re.compile(r"[a-z0-9_]+")


def strings(value):
    """All strings of a document, values only."""
    if isinstance(value, dict):
        for child in value.values():
            yield from strings(child)
    elif isinstance(value, list):
        for child in value:
            yield from strings(child)
    elif isinstance(value, str):
        yield value


def phrases(text: str) -> set[str]:
    words = WORD.findall(text.lower())
    return {" ".join(words[i : i + PHRASE]) for i in range(len(words) - PHRASE + 1)}


def known_data() -> tuple[set[str], set[str]]:
    """Entities and phrases of everything the tasks are made of."""
    entities, said = set(), set()
    for suite in SUITES.values():
        environment = suite.load_and_inject_default_environment({})
        texts = [environment.model_dump_json()]
        texts += [task.PROMPT + " " + task.GROUND_TRUTH_OUTPUT for task in suite.user_tasks.values()]
        texts += [task.GOAL for task in suite.injection_tasks.values()]
        for text in texts:
            entities |= {e.lower() for e in ENTITY.findall(text)}
        for text in texts[1:]:
            said |= phrases(text)
    return entities, said


def faults_of(path: pathlib.Path, entities: set[str], said: set[str]):
    rules: dict[str, int] = {}
    for document in yaml.safe_load_all(path.read_text()):
        spec = document["spec"]
        for text in strings(spec):
            for entity in ENTITY.findall(text):
                if entity.lower() in entities:
                    yield f"{entity} stands in the tasks"
            for phrase in phrases(text) & said:
                yield f"'{phrase}' stands in the tasks"
        tools = {t["tool"] for t in spec.get("tools", []) if "tool" in t}
        for rule in spec.get("calls", []):
            for literal in (a or b for a, b in LITERAL.findall(rule.get("when", ""))):
                if literal.split("/")[-1] not in tools and not literal.startswith("/") and not SAID.fullmatch(literal):
                    yield f"the literal '{literal}' in rule {rule['name']} names no tool, class or path"
        for tool in tools:
            rules[tool] = rules.get(tool, 0) + len(spec.get("calls", []))
    yield from (f"{tool} has {count} rules on calls" for tool, count in rules.items() if count > MOST_RULES)


def main() -> int:
    entities, said = known_data()
    found = [(path.relative_to(ROOT), fault) for path in FILES for fault in faults_of(path, entities, said)]
    for path, fault in found:
        print(f"{path}: {fault}")
    print(f"policies: {len(FILES)} files, {len(found)} faults")
    return 1 if found or not FILES else 0


if __name__ == "__main__":
    sys.exit(main())
