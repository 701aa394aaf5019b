# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What reports say, in every language they are written in."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

# Around a value in a sentence that is written from right to left, so that neither disorders the other (UAX 9).
_LEFT, _AS_ITSELF, _END = "\u2066", "\u2068", "\u2069"
_RIGHT_LETTER = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")

EN: t.Dict[str, str] = {
    "release": "Release",
    "rollback": "Rollback",
    "releases": "Releases",
    "all_releases": "All releases",
    # how it ended
    "succeeded": "Succeeded",
    "failed": "Taken back",
    "held": "Held",
    "running": "Unfinished",
    "rolled_back": "Rolled back",
    "rollback_succeeded": "Rollback done",
    "told_succeeded": "Users have all of it, {duration} after it began.",
    "told_rollback_succeeded": "Users have the earlier release again, {duration} after it was asked for.",
    "told_failed_unmet": "It was taken back after {duration}, before any user met it.",
    "told_failed_met": "It was taken back after {duration}. Up to {share} % of traffic met it, for {exposed}.",
    "told_decided": "Decided at step {step}, by the rule for: {rule}.",
    "told_held": "It waits for a decision: deploy it again to go on, or roll back.",
    "told_running": "It has not ended, or its run was killed.",
    "told_rolled_back": "It was live, until it was rolled back.",
    "told_rolled_back_by": "It was live, until {who} rolled it back ({when}).",
    "because": "Why",
    # what is told of it
    "by": "Who",
    "origin": "From where",
    "started": "Began (UTC)",
    "took": "Took",
    "hosts": "Hosts",
    "project": "Installation",
    "committed": "Committed (UTC)",
    "lead": "From commit to users",
    "first_release": "first release",
    "strategy": "strategy {name}",
    "slot": "slot {name}",
    "image": "Image",
    # timeline
    "timeline": "Timeline",
    "event_began": "Planned",
    "event_share": "{service}: {share} % of traffic to {version}",
    "event_back": "{service}: all traffic back, away from {version}",
    "event_verdict": "{service}, step {step}: {kind}",
    "event_ended": "Ended: {outcome}",
    "event_given_up": "{service}: a rollback was asked for",
    # plots
    "plots": "Traffic, errors and speed",
    "plot_share": "Traffic on {version}",
    "plot_errors": "Errors",
    "plot_latency": "Latency",
    "plot_share_unit": "% of requests",
    "plot_errors_unit": "% of answers",
    "plot_latency_unit": "ms, 95th percentile",
    "plot_alt": "{title}: {figures}",
    "peak": "{slot} up to {value}",
    "unwatched": "Nobody watched this release: it has no step with a gate, or it ended before its first.",
    "no_answers": "No answers in this time.",
    "new_slot": "{version} ({slot})",
    "old_slot": "before: {version} ({slot})",
    # gate
    "gate": "Gates",
    "no_gate": "No gate gave a verdict.",
    "step": "Step",
    "pass": "passed",
    "fail": "failed",
    "hold": "held",
    "no-data": "no data",
    "watch": "not decided",
    "after": "after {duration}",
    "by_rule": "rule: {rule}",
    "col_slot": "Slot",
    "col_answers": "Requests",
    "col_failed": "Failed",
    "col_p50": "p50",
    "col_p95": "p95",
    "evidence": "What each rule saw",
    "accept": "good",
    "reject": "bad",
    "open": "undecided",
    "none": "nothing to judge",
    "rule container": "container",
    "rule API down": "API down",
    "rule database lost": "database lost",
    "rule critical errors": "critical errors",
    "rule high errors": "high errors",
    "rule medium errors": "medium errors",
    "rule critical feature": "critical feature",
    "rule slow": "slow",
    "rule degraded": "degraded",
    "rule missing pages": "missing pages",
    "rule rollback target": "rollback target",
    "rule view": "view",
    # migrations
    "migrations": "Migrations",
    "no_migrations": "This release ran none.",
    "migrations_applied": "applied",
    "migrations_partial": "only some applied",
    "migrations_unknown": "unknown",
    "migrations_running": "under way",
    "migrations_reverting": "being taken back",
    "migrations_reverted": "taken back",
    "migrations_revert_failed": "not all taken back",
    "migrations_nothing": "nothing was pending",
    "overruled": "A refusal was overruled: {reason}",
    # checklist
    "checklist": "Checklist",
    "attested_by": "attested by {who}",
    "item pass": "done",
    "item fail": "not done",
    "item open": "open",
    "check review": "Code review",
    "check tests": "Tests pass",
    "check linter": "Linter clean",
    "check security_scan": "Security scan",
    "check git": "Tag on its branch, nothing uncommitted",
    "check staging": "Staging ran these images and passed",
    "check migrations": "Migrations ready",
    "check variables": "Environment variables updated",
    "check monitoring": "Monitoring reachable and quiet",
    "check way_back": "Rollback plan",
    "check team_told": "Team notified that it begins",
    "check backup": "Recent backup",
    "check disk": "Room on the disks",
    "check certificates": "Certificates good for a while",
    "check clock": "Clocks agree",
    "check smoke": "Smoke tests pass",
    "check health": "Health checks pass",
    "check logs": "Logs watched",
    "check metrics": "Metrics watched",
    "check smoke_after": "Smoke tests in production",
    "check watched": "Watched for long enough",
    "check error_rates": "Error rates",
    "check response_times": "Response times",
    "check team_told_after": "Team notified how it ended",
    "check documentation": "Documentation updated",
    "check tickets": "Tickets closed",
    # configuration
    "changes": "Settings that changed",
    "no_changes": "None but the version.",
    "unknown_changes": "Not known: the ledger does not have the release before any more, or there was none.",
    "setting": "Setting",
    "before": "Before",
    "now": "Now",
    # index
    "frequency": "Deployment frequency",
    "frequency_week": "{number} a week",
    "frequency_few": "{count} in {days} d",
    "frequency_few_note": "that became live",
    "frequency_note": "{count} live in {days} d",
    "lead_time": "Lead time for changes",
    "lead_time_note": "median of {count}",
    "lead_time_unknown": "say it by -e committed_at=…",
    "failure_rate": "Change failure rate",
    "failure_rate_note": "{failures} of {changes} that users met",
    "restore_time": "Time to restore",
    "restore_time_note": "median of {count}",
    "restore_time_unknown": "nothing had to be restored",
    "unknown": "not known",
    "durations": "How long the last releases took",
    "when": "When (UTC)",
    "what": "What",
    "outcome": "Outcome",
    "nothing": "Nothing was released yet.",
    "counts": "Releases: {releases} · taken back: {failed} · rollbacks: {rollbacks}",
    "written": "Times are UTC. Written {when} from the ledger.",
    # durations
    # notices
    "notice_started": "{project}: {what} begins",
    "notice_rollback_started": "{project}: going back begins, {what}",
    "notice_succeeded": "{project}: {what} is live",
    "notice_rolled_back": "{project}: users have the earlier release again, {what}",
    "notice_failed": "{project}: {what} has failed",
    "notice_rollback_failed": "{project}: going back has failed, {what}",
    "notice_held": "{project}: {what} waits for a decision",
    "notice_refused": "{project}: {what} was refused, nothing was changed",
    "notice_all": "a release",
    "seconds": "{number} s",
    "minutes": "{number} min",
    "hours": "{number} h",
    "days": "{number} d",
}

AR: t.Dict[str, str] = {
    "release": "إصدار",
    "rollback": "تراجُع",
    "releases": "الإصدارات",
    "all_releases": "كل الإصدارات",
    "succeeded": "نجح",
    "failed": "سُحِب",
    "held": "مُعلَّق",
    "running": "لم يكتمل",
    "rolled_back": "تم التراجع عنه",
    "rollback_succeeded": "اكتمل التراجع",
    "told_succeeded": "وصل إلى جميع المستخدمين بعد {duration} من بدايته.",
    "told_rollback_succeeded": "عاد المستخدمون إلى الإصدار السابق بعد {duration} من طلب التراجع.",
    "told_failed_unmet": "سُحِب بعد {duration}، قبل أن يصل إلى أي مستخدم.",
    "told_failed_met": "سُحِب بعد {duration}. وصلته حتى {share} % من الزيارات مدة {exposed}.",
    "told_decided": "تقرَّر ذلك في الخطوة {step} بقاعدة: {rule}.",
    "told_held": "ينتظر قرارًا: أعِد النشر للمتابعة، أو تراجَع عنه.",
    "told_running": "لم ينتهِ بعد، أو انقطع تشغيله.",
    "told_rolled_back": "كان منشورًا إلى أن تم التراجع عنه.",
    "told_rolled_back_by": "كان منشورًا إلى أن تراجَع عنه {who} ({when}).",
    "because": "السبب",
    "by": "المنفِّذ",
    "origin": "من أين",
    "started": "البداية (UTC)",
    "took": "المدة",
    "hosts": "الخوادم",
    "project": "المنظومة",
    "committed": "وقت الإيداع (UTC)",
    "lead": "من الإيداع إلى المستخدمين",
    "first_release": "أول إصدار",
    "strategy": "الاستراتيجية: {name}",
    "slot": "الخانة: {name}",
    "image": "الصورة",
    "timeline": "التسلسل الزمني",
    "event_began": "وُضِعت الخطة",
    "event_share": "{service}: توجيه {share} % من الزيارات إلى {version}",
    "event_back": "{service}: أُعيدت كل الزيارات بعيدًا عن {version}",
    "event_verdict": "{service}، الخطوة {step}: {kind}",
    "event_ended": "النهاية: {outcome}",
    "event_given_up": "{service}: طُلِب التراجع",
    "plots": "الزيارات والأخطاء والسرعة",
    "plot_share": "الزيارات على {version}",
    "plot_errors": "الأخطاء",
    "plot_latency": "زمن الاستجابة",
    "plot_share_unit": "% من الطلبات",
    "plot_errors_unit": "% من الاستجابات",
    "plot_latency_unit": "ميلي ثانية، المئين 95",
    "plot_alt": "{title}: {figures}",
    "peak": "{slot} حتى {value}",
    "unwatched": "لم تُراقَب هذه العملية: لا توجد خطوة ذات بوابة، أو انتهت قبل أولاها.",
    "no_answers": "لا استجابات في هذه المدة.",
    "new_slot": "{version} ({slot})",
    "old_slot": "السابق: {version} ({slot})",
    "gate": "البوابات",
    "no_gate": "لم تُصدِر أي بوابة حكمًا.",
    "step": "الخطوة",
    "pass": "نجاح",
    "fail": "فشل",
    "hold": "تعليق",
    "no-data": "لا بيانات",
    "watch": "دون قرار",
    "after": "بعد {duration}",
    "by_rule": "القاعدة: {rule}",
    "col_slot": "الخانة",
    "col_answers": "الطلبات",
    "col_failed": "الفاشلة",
    "col_p50": "p50",
    "col_p95": "p95",
    "evidence": "ما رأته كل قاعدة",
    "accept": "سليم",
    "reject": "سيئ",
    "open": "غير محسوم",
    "none": "لا شيء للحكم عليه",
    "rule container": "الحاوية",
    "rule API down": "الواجهة متوقفة",
    "rule database lost": "فقدان قاعدة البيانات",
    "rule critical errors": "أخطاء حرجة",
    "rule high errors": "أخطاء كثيرة",
    "rule medium errors": "أخطاء متوسطة",
    "rule critical feature": "ميزة أساسية",
    "rule slow": "البطء",
    "rule degraded": "تراجع الأداء",
    "rule missing pages": "صفحات مفقودة",
    "rule rollback target": "وجهة التراجع",
    "rule view": "الرؤية",
    "migrations": "ترحيلات قاعدة البيانات",
    "no_migrations": "لم يُشغِّل هذا الإصدار أيًّا منها.",
    "migrations_applied": "طُبِّقت",
    "migrations_partial": "طُبِّق بعضها فقط",
    "migrations_unknown": "غير معروفة",
    "migrations_running": "قيد التطبيق",
    "migrations_reverting": "قيد الإرجاع",
    "migrations_reverted": "أُرجِعت",
    "migrations_revert_failed": "لم تُرجَع كلها",
    "migrations_nothing": "لم يكن شيء منها معلَّقًا",
    "overruled": "تم تجاوز الرفض: {reason}",
    "checklist": "قائمة التحقق",
    "attested_by": "بشهادة {who}",
    "item pass": "تم",
    "item fail": "لم يتم",
    "item open": "مفتوح",
    "check review": "مراجعة الشيفرة",
    "check tests": "نجاح الاختبارات",
    "check linter": "خلوّ الشيفرة من تنبيهات المدقّق",
    "check security_scan": "الفحص الأمني",
    "check git": "الوسم على فرعه ولا تغييرات غير مودَعة",
    "check staging": "شغّلت بيئة التجربة هذه الصور ونجحت",
    "check migrations": "جاهزية ترحيلات قاعدة البيانات",
    "check variables": "تحديث متغيرات البيئة",
    "check monitoring": "المراقبة متاحة وبلا إنذارات",
    "check way_back": "خطة التراجع",
    "check team_told": "إبلاغ الفريق بالبدء",
    "check backup": "نسخة احتياطية حديثة",
    "check disk": "سعة الأقراص",
    "check certificates": "صلاحية الشهادات",
    "check clock": "توافق الساعات",
    "check smoke": "نجاح اختبارات الدخان",
    "check health": "نجاح فحوص السلامة",
    "check logs": "مراقبة السجلات",
    "check metrics": "مراقبة المقاييس",
    "check smoke_after": "اختبارات الدخان في الإنتاج",
    "check watched": "مدة مراقبة كافية",
    "check error_rates": "معدلات الأخطاء",
    "check response_times": "أزمنة الاستجابة",
    "check team_told_after": "إبلاغ الفريق بالنتيجة",
    "check documentation": "تحديث التوثيق",
    "check tickets": "إغلاق التذاكر",
    "changes": "الإعدادات التي تغيّرت",
    "no_changes": "لا شيء سوى رقم الإصدار.",
    "unknown_changes": "غير معروفة: لم يعد السجل يحتفظ بالإصدار السابق، أو لم يكن هناك سابق.",
    "setting": "الإعداد",
    "before": "قبل",
    "now": "الآن",
    "frequency": "وتيرة النشر",
    "frequency_week": "{number} في الأسبوع",
    "frequency_few": "{count} خلال {days} يوم",
    "frequency_few_note": "ما وصل منها إلى المستخدمين",
    "frequency_note": "المنشور: {count} خلال {days} يوم",
    "lead_time": "زمن وصول التغييرات",
    "lead_time_note": "وسيط العدد {count}",
    "lead_time_unknown": "يُذكَر بـ -e committed_at=…",
    "failure_rate": "نسبة فشل التغييرات",
    "failure_rate_note": "{failures} من {changes} وصلت إلى المستخدمين",
    "restore_time": "زمن الاستعادة",
    "restore_time_note": "وسيط العدد {count}",
    "restore_time_unknown": "لم يلزم استعادة شيء",
    "unknown": "غير معروف",
    "durations": "مدة الإصدارات الأخيرة",
    "when": "الوقت (UTC)",
    "what": "الإصدار",
    "outcome": "النتيجة",
    "nothing": "لم يُنشَر شيء بعد.",
    "counts": "الإصدارات: {releases} · المسحوبة: {failed} · التراجعات: {rollbacks}",
    "written": "الأوقات بتوقيت UTC. كُتِب في {when} من السجل.",
    "notice_started": "{project}: بدأ نشر {what}",
    "notice_rollback_started": "{project}: بدأ التراجع، {what}",
    "notice_succeeded": "{project}: نُشِر {what}",
    "notice_rolled_back": "{project}: عاد المستخدمون إلى الإصدار السابق، {what}",
    "notice_failed": "{project}: فشل نشر {what}",
    "notice_rollback_failed": "{project}: فشل التراجع، {what}",
    "notice_held": "{project}: ينتظر قرارًا، {what}",
    "notice_refused": "{project}: رُفِض نشر {what} ولم يتغيّر شيء",
    "notice_all": "إصدار",
    "seconds": "{number} ث",
    "minutes": "{number} د",
    "hours": "{number} س",
    "days": "{number} يوم",
}

LANGUAGES = {"en": EN, "ar": AR}
RIGHT_TO_LEFT = ("ar",)


def isolated(value: t.Any) -> str:
    """A value in a sentence from right to left. Digits and signs alone are read from left to right: a date is."""
    text = str(value)
    return f"{_AS_ITSELF if _RIGHT_LETTER.search(text) else _LEFT}{text}{_END}"


@dataclass(frozen=True)
class Words:
    """A language.

    Args:
        language: where it is none of ours, English is spoken.
    """

    language: str = "en"

    @property
    def code(self) -> str:
        return self.language if self.language in LANGUAGES else "en"

    @property
    def direction(self) -> str:
        return "rtl" if self.code in RIGHT_TO_LEFT else "ltr"

    def say(self, key: str, **values: t.Any) -> str:
        """A text with values in it."""
        isolate = isolated if self.direction == "rtl" else str
        shown = {name: isolate(value) for name, value in values.items()}
        return LANGUAGES[self.code][key].format(**shown)

    def known(self, key: str, otherwise: str) -> str:
        """A text without values, or another where it is none of ours."""
        return LANGUAGES[self.code].get(key, otherwise)

    def duration(self, seconds: float) -> str:
        """``0.4 s``, ``45 s``, ``2 min 30 s``, ``3 h``, ``12 d``: its two largest units."""
        if seconds < 9.95:
            return self._units(("seconds", f"{seconds:.1f}".replace(".0", "")))
        whole = round(seconds)
        if whole < 120:
            return self._units(("seconds", whole))
        if whole < 7200:
            return self._units(("minutes", whole // 60), ("seconds", whole % 60))
        if whole < 2 * 86400:
            return self._units(("hours", whole // 3600), ("minutes", whole % 3600 // 60))
        return self._units(("days", round(whole / 86400)))

    def _units(self, *parts: t.Tuple[str, t.Union[int, str]]) -> str:
        unit = LANGUAGES[self.code]
        told = [unit[name].format(number=number) for name, number in parts if number]
        return " ".join(told) or unit["seconds"].format(number=0)
