"""Policy documents: what is wrong with one is said whole and at once; what is right evaluates."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from streams.commands.policy import NoSuchPolicy, policy
from streams.core.lawful import is_lawful
from streams.core.policy import GovernanceRow, LearningRow, SlaRow
from streams.policy import BadPolicy, load_policy
from streams.policy.check import check_policy
from streams.policy.compile import canonical, read_document
from streams.policy.diff import diff_policies
from streams.policy.reference import facts_reference
from streams.shipped import default_policy
from tests.factories import HOUR, MINUTE, T0, a_consent
from tests.judging import shipped_policy

SHIPPED = default_policy().read_text()
VERSION = read_document(SHIPPED, "shipped")[0].version
ROWS = f"{len(shipped_policy().tiers)} tiers, {len(shipped_policy().conditions)} conditions"


def edited(*edits: tuple[str, str]) -> str:
    """The shipped document with texts replaced; each must stand there once."""
    text = SHIPPED
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the shipped policy"
        text = text.replace(old, new)
    return text


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def faults_of(text: str) -> list[str]:
    with pytest.raises(BadPolicy) as raised:
        load_policy(text, "p.yaml")
    return str(raised.value).split("\n  ")


# Aliases of aliases: 10 ** 30 values in thirty lines.
LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 31))
VIP = "when: vip or target_account\n"


@pytest.mark.parametrize(
    ("edit", "part", "fault"),
    [
        (
            (VIP, "when: vip or traget_account\n"),
            "when: vip or traget",
            "conditions[N04].when: expected known facts and names, got traget_account. Did you mean target_account?",
        ),
        (
            (VIP, "when: xyzzy\n"),
            "when: xyzzy",
            "conditions[N04].when: expected known facts and names, got xyzzy. "
            "Known facts are in docs/reference/policy-facts.md.",
        ),
        (
            (VIP, "when: amount_hint\n"),
            "when: amount_hint\n",
            "conditions[N04].when: expected true or false, got 0.0 from 'amount_hint'. "
            "Compare it with something: a number or a text is no condition.",
        ),
        (
            (VIP, "when: vip and country > 3\n"),
            "when: vip and country",
            "conditions[N04].when: expected true or false for any facts, got 'vip and country > 3' "
            "(Opcode Compare: Unsupported type). Compare facts with values of their own type.",
        ),
        (
            (VIP, "when: vip or (target_account\n"),
            "when: vip or (",
            "conditions[N04].when: expected a zen expression, got 'vip or (target_account' "
            "(Unexpected token: None at (22, 22); Expected Bracket.). "
            "See docs/reference/policy-facts.md for the syntax.",
        ),
        (
            ("_account\n    effect: human\n    queue: vip\n", "_account\n    effect: human\n    queue: vpi\n"),
            "queue: vpi",
            "conditions[N04].queue: expected a queue of `queues`, got vpi. "
            "Use one of vip, sales, exceptions, success, compliance, overflow, or add it there.",
        ),
        (
            ("code: VIP_ACCOUNT", "code: vip"),
            "code: vip",
            "conditions[N04].code: expected text that matches ^[A-Z][A-Z0-9_]*$, got 'vip'. Correct it.",
        ),
        (
            ("    code: VIP_ACCOUNT\n", ""),
            "- id: N04",
            "conditions[N04].code: expected a value, got nothing. Add it; deploy/policy/default.yaml shows one.",
        ),
        (
            ("    code: VIP_ACCOUNT\n", "    code: VIP_ACCOUNT\n    colour: red\n"),
            "colour: red",
            "conditions[N04].colour: expected one of blocks, code, detail, do_not, effect, id, next_best_action, "
            "other_rep, pulse, queue, severity, sheds, sla, when, got the name 'colour'. Correct or remove it.",
        ),
        (
            ('detail: "vip {vip}, target account {target_account}"', 'detail: "vip {vpi}"'),
            "detail: \"vip {vpi}",
            "conditions[N04].detail: expected known facts in {}, got vpi. Did you mean vip?",
        ),
        (
            ('detail: "vip {vip}, target account {target_account}"', 'detail: "vip {vip}, {title}"'),
            "detail: \"vip {vip}, {title}",
            "conditions[N04].detail: expected facts that are no personal text, got title. "
            "It would stand on topics in plain: leave it out.",
        ),
        (
            ('detail: "vip {vip}, target account {target_account}"', 'detail: "vip {vip:.2q}"'),
            "detail: \"vip {vip:.2q",
            "conditions[N04].detail: expected a format text over facts, got 'vip {vip:.2q}' "
            "(Unknown format code 'q' for object of type 'bool'). For example `score {score:.0f}`.",
        ),
        (
            ("    when: true\n", "    when: score < 20\n"),
            "when: score < 20",
            "tiers[T4_SUPPRESS].when: expected true in the last tier, got score < 20. "
            "Give the last tier `when: true`, so that every lead has a tier.",
        ),
        (
            ("    when: score >= warm_score\n", "    when: true\n"),
            "when: true\n    human: false\n    auto_accept",
            "tiers[T2_WARM].when: expected an expression that can be false, got true. "
            "Move it to the end: no tier below it can ever match.",
        ),
        (
            ("  settled: minutes_since", "  settled: candidate or minutes_since"),
            "settled: candidate",
            "terms.settled: expected terms that end in facts, got settled -> candidate -> settled. Break the circle.",
        ),
        (
            ("  conflict_days: 14 ", "  score: 14 "),
            "  score: 14 ",
            "values.score: expected a name that is free, got score, a fact. Rename it.",
        ),
        (
            ("quiet_to_hour: 8", "quiet_to_hour: 25"),
            "quiet_to_hour: 25",
            "caps.quiet_to_hour: expected less than or equal to 24, got 25. Correct it.",
        ),
        (
            ("gap: 4 h ", "gap: 4 hours "),
            "gap: 4 hours",
            "caps.gap: expected a duration such as 30 s, 15 min, 4 h or 7 d, got '4 hours'. Correct it.",
        ),
        (
            ("vip: {budget: 5 min}", "vip: {budget: soon}"),
            "vip: {budget: soon",
            "slas.vip.budget: expected a duration such as 15 min, 4 h, 7 d or 1 business day, got 'soon'. Correct it.",
        ),
        (
            ("time_zone: UTC ", "time_zone: Mars/Olympus "),
            "time_zone: Mars",
            "calendar.time_zone: expected an IANA time zone, got Mars/Olympus. For example UTC or Europe/Berlin.",
        ),
        (
            ("    unknown: {other: [consent]}", "    UKN: {other: [consent]}"),
            "UKN: {other",
            "gate.lawful.UKN: expected a country code, a region of `regions`, other or unknown, got UKN. Correct it.",
        ),
        (
            ("TIMING, COMPETITOR_LOCKED", "TIMMING, COMPETITOR_LOCKED"),
            "NOT_ICP, LOW_INTENT",
            "codes[7]: expected 'NOT_ICP', 'LOW_INTENT', 'WRONG_PERSON', 'DUPLICATE', 'BAD_DATA', 'NO_BUDGET', "
            "'NO_AUTHORITY', 'TIMING', 'COMPETITOR_LOCKED', 'EXISTING_CUSTOMER', 'PARTNER_OWNED', "
            "'STUDENT_VENDOR_JOBSEEKER', 'COMPLIANCE', 'UNREACHABLE' or 'OTHER', got 'TIMMING'. Correct it.",
        ),
        (
            ("negative: [rejected, lost]", "negative: [rejected, won]"),
            "negative: [rejected, won]",
            "learning.negative[1]: expected an outcome that is not among `positive`, got won. Remove one of them.",
        ),
        (
            ("currency: EUR\n", "currency: EUR\ncurrency: USD\n"),
            "currency: USD",
            "currency: expected each name once, got currency twice. Remove one of them.",
        ),
    ],
)  # fmt: skip
def test_a_fault_says_where_what_was_expected_what_came_and_what_to_do(
    edit: tuple[str, str], part: str, fault: str
) -> None:
    text = edited(edit)
    head, *faults = faults_of(text)
    assert head == f"BadPolicy: p.yaml has {len(faults)} fault{'s' * (len(faults) > 1)}:"
    assert f"line {line_of(text, part)}, {fault}" in faults


def test_all_faults_of_a_kind_come_at_once() -> None:
    text = edited(
        (VIP, "when: vpi\n"),
        ("when: is_complaint\n", "when: is_complaining\n"),
        ("    when: true\n", "    when: fit < 20\n"),
    )
    assert faults_of(text) == [
        "BadPolicy: p.yaml has 3 faults:",
        f"line {line_of(text, 'when: fit < 20')}, tiers[T4_SUPPRESS].when: expected true in the last tier, "
        "got fit < 20. Give the last tier `when: true`, so that every lead has a tier.",
        f"line {line_of(text, 'when: is_complaining')}, conditions[N10].when: expected known facts and names, "
        "got is_complaining. Did you mean is_complaint?",
        f"line {line_of(text, 'when: vpi')}, conditions[N04].when: expected known facts and names, got vpi. "
        "Did you mean vip?",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: [1\nb: 2", "line 2, the document: expected YAML, got did not find expected ',' or ']'. "),
        ("", "line 1, the document: expected names with values, got nothing. "),
        ("[1, 2]", "line 1, the document: expected names with values, got [1, 2]. "),
        ("&a [*a, *a]", "line 1, the document: expected names with values, got [[[...], [...]], [[...], [...]]]. "),
        (LAUGHS, "line 1, version: expected a value, got nothing. "),
        ("a: 2026-13-77", "the document: expected YAML, got ValueError. "),
        ("[" * 3_000, "line 1, the document: expected YAML, got exceeded maximum nesting depth. "),
    ],
)
def test_what_is_no_document_is_said_so(text: str, fault: str) -> None:
    head, first, *_ = faults_of(text)
    assert head.startswith("BadPolicy: p.yaml has ")
    assert first.startswith(fault)


def test_a_version_stands_for_its_text_whatever_the_line_ends() -> None:
    windows = load_policy(SHIPPED.replace("\n", "  \r\n"), "p.yaml")
    assert windows.sha256 == shipped_policy().sha256
    assert load_policy(edited(("currency: EUR", "currency: USD")), "p.yaml").sha256 != shipped_policy().sha256
    assert canonical("\n a  \r\nb\n\n") == "a\nb\n"


def test_durations_business_days_and_defaults_become_rows() -> None:
    slas = shipped_policy().slas
    assert slas["vip"] == SlaRow("vip", 5 * MINUTE, True, (0.5, 0.8), (1.5, 2.0))
    assert slas["exception"] == SlaRow("exception", 8 * HOUR, True, (0.5, 0.8), (1.5, 2.0))
    assert slas["compliance_decision"].on_timeout == "deny"


@pytest.mark.parametrize(
    ("country", "channel", "basis", "lawful"),
    [
        ("DE", "email", "consent", True),
        ("DE", "email", "legitimate_interest", False),  # the country's own row stands over its region's
        ("FR", "email", "legitimate_interest", True),
        ("FR", "sms", "legitimate_interest", False),
        ("FR", "chat", "consent", True),
        ("US", "email", None, True),
        ("US", "email", "none", False),  # withdrawn
        ("US", "sms", None, False),
        ("BR", "email", "consent", True),
        ("BR", "email", "legitimate_interest", False),
        ("", "email", "consent", True),
        ("", "email", "contract", False),
    ],
)
def test_the_lawful_basis_depends_on_country_and_channel(country: str, channel: str, basis: str, lawful: bool) -> None:
    consent = a_consent(basis=basis) if basis else None
    assert is_lawful(country, channel, consent, T0, shipped_policy().gate) is lawful  # type: ignore[arg-type]


def warnings(*edits: tuple[str, str]) -> list[str]:
    return [str(warning) for warning in check_policy(edited(*edits), "p.yaml")[1]]


def test_nothing_about_the_shipped_policy_needs_a_warning() -> None:
    assert warnings() == []


@pytest.mark.parametrize(
    ("edit", "part", "warning"),
    [
        (
            ("marketing_only: true, most: 1, ", "marketing_only: true, most: null, "),
            "{id: marketing_email_day",
            "caps.touches[marketing_email_day].most: expected a number, got nothing. "
            "No cap marketing_email_day is in force. Set it, or write 0 to allow nothing.",
        ),
        (
            ("  audit_share: 0.02", "  audit_share: 0"),
            "  audit_share: 0 ",
            "sampling.audit_share: expected a share above 0, got 0. "
            "Without a sample nobody learns what automation gets wrong.",
        ),
        (
            (VIP, "when: vip and score > 50 and score < 40\n"),
            "when: vip and score",
            "conditions[N04].when: expected an expression that can be true, got 'vip and score > 50 and score < 40', "
            "false in 5,000 tries. Correct or remove the row.",
        ),
        (
            ("    when: score >= warm_score\n", "    when: score >= hot_score and vip\n"),
            "when: score >= hot_score and vip",
            "tiers[T2_WARM].when: expected an expression that can be true, got 'is_T2_WARM', "
            "false in 5,000 tries. Correct or remove the row.",
        ),
        (
            ("terms:\n", "terms:\n  forgotten: vip\n"),
            "  forgotten:",
            "terms.forgotten: expected a term that something uses, got no use of it. Remove it.",
        ),
        (
            ("queues:\n", "queues:\n  spare: {purpose: none, open_per_rep: 1, overflow: null}\n"),
            "  spare:",
            "queues.spare: expected one that a row uses, got no use of it. Remove it.",
        ),
    ],
)
def test_what_is_allowed_but_not_meant_is_warned_of(edit: tuple[str, str], part: str, warning: str) -> None:
    assert warnings(edit) == [f"line {line_of(edited(edit), part)}, {warning}"]


def test_a_cap_of_nought_allows_nothing_and_is_no_warning() -> None:
    edit = ("marketing_only: true, most: 1, ", "marketing_only: true, most: 0, ")
    assert warnings(edit) == []
    assert load_policy(edited(edit), "p.yaml").caps.caps[0].most == 0


def test_a_cap_that_is_not_set_is_none() -> None:
    edit = ("marketing_only: true, most: 1, ", "marketing_only: true, most: null, ")
    assert [cap.id for cap in load_policy(edited(edit), "p.yaml").caps.caps] == [
        "marketing_email_week", "marketing_email_month", "touches_week",
    ]  # fmt: skip


def test_a_difference_is_told_in_the_words_of_the_document() -> None:
    new = edited(
        (f'version: "{VERSION}"', 'version: "2099-12-01.1"'),
        ("  high_value: 100000 ", "  high_value: 50000 "),
        (VIP, "when: vip\n"),
        ("code: HIGH_VALUE", "code: BIG_DEAL"),
        ("  - id: N23\n", "  - id: N99\n"),
        ("gap: 4 h ", "gap: 90 min "),
        ("competitor.example]", "competitor.example, rival.example]"),
        ("weekend: [saturday, sunday]", "weekend: [friday, saturday]"),
    )
    old_document, new_document = (read_document(text, "p.yaml")[0] for text in (SHIPPED, new))
    assert [str(change) for change in diff_policies(old_document, new_document)] == [
        f"~ version: {VERSION} -> 2099-12-01.1",
        "~ values.high_value: 100000 -> 50000",
        "+ lists.competitor_domains: rival.example",
        "~ conditions[N04].when: vip or target_account -> vip",
        "~ conditions[N05].code: HIGH_VALUE -> BIG_DEAL",
        "- conditions[N23]: when reply_class == 'unclassified'",
        "+ conditions[N99]: when reply_class == 'unclassified'",
        "~ caps.gap: 4 h -> 90 min",
        "~ calendar.weekend: [saturday, sunday] -> [friday, saturday]",
    ]


def test_the_order_of_rows_is_a_difference_and_layout_is_none() -> None:
    document = yaml.safe_load(SHIPPED)
    document["tiers"][0], document["tiers"][1] = document["tiers"][1], document["tiers"][0]
    moved = read_document(yaml.safe_dump(document), "p.yaml")[0]
    shipped = read_document(SHIPPED, "p.yaml")[0]
    assert [str(change) for change in diff_policies(shipped, moved)] == [
        "~ tiers: order T0_VIP T1_HOT T2_WARM T3_NURTURE T4_SUPPRESS -> T1_HOT T0_VIP T2_WARM T3_NURTURE T4_SUPPRESS"
    ]
    relaid = read_document(yaml.safe_dump(yaml.safe_load(SHIPPED)), "p.yaml")[0]
    assert diff_policies(shipped, relaid) == ()


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(policy, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_check_says_that_a_policy_can_be_published_and_what_to_think_of(tmp_path: Path) -> None:
    assert run("check") == (
        0, f"{default_policy()}: version {VERSION}, {ROWS}: can be published, 0 warnings\n",
    )  # fmt: skip
    file = tmp_path / "p.yaml"
    text = edited(("  audit_share: 0.02", "  audit_share: 0"))
    file.write_text(text)
    said = (
        f"warning: line {line_of(text, '  audit_share: 0 ')}, sampling.audit_share: expected a share above 0, got 0. "
        "Without a sample nobody learns what automation gets wrong.\n"
        f"{file}: version {VERSION}, {ROWS}: can be published, 1 warning\n"
    )
    assert run("check", str(file)) == (0, said)
    assert run("check", str(file), "--strict") == (7, said)
    file.write_text("x: 1")
    with pytest.raises(BadPolicy):
        run("check", str(file))
    with pytest.raises(NoSuchPolicy, match=r"missing\.yaml: expected a policy document"):
        run("check", str(tmp_path / "missing.yaml"))


def test_diff_says_by_its_exit_code_whether_anything_changes(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(edited(("gap: 4 h ", "gap: 1 d ")))
    assert run("diff", str(default_policy()), str(file)) == (1, "~ caps.gap: 4 h -> 1 d\n")
    assert run("diff", str(file), str(file)) == (0, f"{file} and {file} mean the same\n")


def test_nothing_is_published_without_who_and_why() -> None:
    assert run("publish", str(default_policy()), "--actor", " ", "--reason", "x")[0] == 2
    assert run("publish", str(default_policy()), "--actor", "ana")[0] == 2


def test_the_reference_of_facts_is_the_one_in_the_docs() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "policy-facts.md"
    assert page.read_text() == facts_reference(), "run `make generate`"


def test_governance_as_shipped_is_what_a_document_without_that_section_means() -> None:
    start, end = SHIPPED.index("governance:\n"), SHIPPED.index("# What a reject or an override")
    before = load_policy(SHIPPED[:start] + SHIPPED[end:], "published before there was governance")
    assert before.governance == load_policy(SHIPPED, "shipped").governance == GovernanceRow()


def test_learning_as_shipped_is_what_a_document_without_that_section_means() -> None:
    start, end = SHIPPED.index("learning:\n"), SHIPPED.index("# What is watched while")
    before = load_policy(SHIPPED[:start] + SHIPPED[end:], "published before there was learning")
    assert before.learning == load_policy(SHIPPED, "shipped").learning == LearningRow()


def test_every_value_of_governance_reaches_the_code() -> None:
    text = edited(
        ("groups: [] ", "groups: [age_band] "),
        ("clear_after: 1 h", "clear_after: 90 s"),
        ("    psi: 0.2 ", "    psi: 0.3 "),
        ("    least_ratio: 0.8\n    least: 30", "    least_ratio: 0.75\n    least: 50"),
        ("override_rate: 0.20", "override_rate: 0.25"),
        ("    dwell: 5 s", "    dwell: 8 s"),
    )
    row, usual = load_policy(text, "p").governance, GovernanceRow()
    changed = {name: found for name in row.__struct_fields__ if (found := getattr(row, name)) != getattr(usual, name)}
    assert changed == {
        "groups": ("age_band",), "clear_ms": 90_000, "drift_psi": 0.3, "fairness_least_ratio": 0.75,
        "fairness_least": 50, "override_rate": 0.25, "stamp_dwell_ms": 8_000,
    }  # fmt: skip
    shown = {str(change) for change in diff_policies(read_document(SHIPPED, "a")[0], read_document(text, "b")[0])}
    assert "~ governance.clear_after: 1 h -> 90 s" in shown
    assert "~ governance.groups: [] -> [age_band]" in shown


def test_a_kind_of_alarm_that_does_not_exist_is_a_fault() -> None:
    text = edited(("distrust: [drift,", "distrust: [weather,"))
    assert "governance.distrust[0]" in "\n".join(faults_of(text))
