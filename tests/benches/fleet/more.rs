//! Files that the other bench's services lack: TypeScript, Kubernetes, and modules that neither answer nor log, of which a
//! service has most. Made like those of `ratios/text.rs`, and as ignorant of what is right or wrong about them.

use crate::text::{Choices, FIELDS, THINGS, VERBS, fill};
use std::fmt::Write as _;

macro_rules! line {
    ($text:expr, $($what:tt)*) => { writeln!($text, $($what)*).expect("a string takes it") };
}

/// A module of Express routes.
pub fn typescript(c: &mut Choices) -> String {
    let thing = c.of(THINGS);
    let head = format!(
        "import {{ Router, Request, Response }} from \"express\";\nimport {{ requireUser }} from \"../security\";\nimport {{ logger }} from \"../logger\";\nimport {{ {thing}s }} from \"../services/{thing}s\";\n\nexport const router = Router();\n"
    );
    fill(c, head, 2_600, |c, text, number| {
        let (verb, method, field) = (c.of(VERBS), c.of(&["get", "post", "put", "delete"]), c.of(FIELDS));
        let guard = if c.one_in(4) { "" } else { "requireUser, " };
        line!(
            text,
            "\nrouter.{method}(\"/{thing}s/:id/{verb}/{number}\", {guard}async (req: Request, res: Response) => {{\n  const found = await {thing}s.byId(req.params.id);\n  if (!found) {{\n    return res.status(404).json({{ error: \"no such {thing}\" }});\n  }}"
        );
        if c.one_in(2) {
            line!(text, "  logger.info(\"{verb} {thing}\", {{ id: found.id }});");
        } else {
            line!(text, "  logger.info(`{verb} {thing} ${{found.{field}}}`);");
        }
        line!(
            text,
            "  const rows = (await {thing}s.related(found)).filter((row) => row.{field} !== null).slice(0, {});\n  return res.json({{ id: found.id, {field}: found.{field}, rows }});\n}});",
            c.below(90) + 1
        );
    })
}

/// A file of Kubernetes manifests.
pub fn manifests(c: &mut Choices) -> String {
    fill(c, String::new(), 1_800, |c, text, number| {
        let (thing, replicas) = (c.of(THINGS), c.below(5) + 1);
        let privileged = c.of(&["true", "false"]);
        line!(
            text,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {thing}-{number}\n  labels:\n    app: {thing}\nspec:\n  replicas: {replicas}\n  selector:\n    matchLabels:\n      app: {thing}\n  template:\n    metadata:\n      labels:\n        app: {thing}\n    spec:\n      containers:\n        - name: {thing}\n          image: registry.example.org/{thing}:{}.{}\n          securityContext:\n            allowPrivilegeEscalation: {privileged}\n          env:\n            - name: LEVEL\n              value: \"{}\"\n          resources:\n            limits:\n              memory: {}Mi",
            c.below(9),
            c.below(40),
            c.of(&["info", "debug"]),
            64 * (c.below(16) + 1)
        );
    })
}

/// A module of plain Python: what a service computes.
pub fn plain_python(c: &mut Choices) -> String {
    let thing = c.of(THINGS);
    let head = format!(
        "\"\"\"What is computed of {thing}s.\"\"\"\nfrom __future__ import annotations\n\nfrom collections.abc import Iterable\nfrom dataclasses import dataclass, replace\nfrom datetime import date, timedelta\nfrom itertools import groupby\n\nfrom app.core import calendar, rounding\n\nLIMIT = {}\n",
        c.below(900)
    );
    fill(c, head, 2_900, |c, text, number| {
        let (verb, field, other) = (c.of(VERBS), c.of(FIELDS), c.of(FIELDS));
        match c.below(3) {
            0 => line!(
                text,
                "\n\n@dataclass(frozen=True, slots=True)\nclass {}{number}:\n    \"\"\"What {verb}ing needs to know.\"\"\"\n\n    {field}: str\n    rank: int = {}\n    since: date | None = None\n\n    def later(self, days: int) -> {}{number}:\n        if self.since is None:\n            return self\n        return replace(self, since=self.since + timedelta(days=days), rank=self.rank + {})",
                verb[..1].to_uppercase() + &verb[1..],
                c.below(40),
                verb[..1].to_uppercase() + &verb[1..],
                c.below(9)
            ),
            1 => line!(
                text,
                "\n\ndef {verb}_{number}(rows: Iterable[dict], start: date, *, step: int = {}) -> dict[str, list[int]]:\n    \"\"\"Groups by {field}, and steps over holidays.\"\"\"\n    out: dict[str, list[int]] = {{}}\n    for key, group in groupby(sorted(rows, key=lambda row: row[\"{other}\"]), key=lambda row: row[\"{other}\"]):\n        day = start\n        for row in group:\n            while calendar.closed(day):\n                day += timedelta(days=step)\n            out.setdefault(str(key), []).append(rounding.half_even(row[\"rank\"] * {}))\n    return out",
                c.below(6) + 1,
                c.below(90) + 1
            ),
            _ => line!(
                text,
                "\n\ndef _{verb}_{number}(values: list[float], weights: list[float]) -> float:\n    total = sum(weights) or 1.0\n    best = 0.0\n    for index, (value, weight) in enumerate(zip(values, weights, strict=True)):\n        share = value * weight / total\n        if share > best and index % {} != 0:\n            best = share\n        elif share < -LIMIT:\n            raise ValueError(\"{verb}: out of range\")\n    return round(best, {})",
                c.below(7) + 2,
                c.below(4)
            ),
        }
    })
}

/// A module of plain TypeScript: types, and what is computed for a page.
pub fn plain_typescript(c: &mut Choices) -> String {
    let thing = c.of(THINGS);
    let head = format!(
        "import {{ clamp, groupBy }} from \"./collections\";\nimport type {{ Page }} from \"./paging\";\n\nexport const {thing}sPerPage = {};\n",
        c.below(90)
    );
    fill(c, head, 2_600, |c, text, number| {
        let (verb, field, other) = (c.of(VERBS), c.of(FIELDS), c.of(FIELDS));
        if c.one_in(3) {
            line!(
                text,
                "\nexport interface {0}Props{number} {{\n  title: string;\n  columns: Array<\"{field}\" | \"{other}\">;\n  dense?: boolean;\n  onChange: (next: Page<unknown>) => void;\n}}",
                verb[..1].to_uppercase() + &verb[1..]
            );
        } else {
            line!(
                text,
                "\n/** What a table of {thing}s shows in its column {number}. */\nexport function {verb}{number}(rows: ReadonlyArray<Record<string, number>>, page: number): number[] {{\n  const groups = groupBy(rows, (row) => Math.floor(row.{other} / {}));\n  const out: number[] = [];\n  for (const [key, group] of groups) {{\n    if (group.length > {} && key % 2 === 0) {{\n      out.push(clamp(group.reduce((sum, row) => sum + row.{field}, 0), 0, {}));\n    }}\n  }}\n  return out.slice(page * {thing}sPerPage, (page + 1) * {thing}sPerPage);\n}}",
                c.below(50) + 2,
                c.below(9),
                c.below(4_000)
            );
        }
    })
}
