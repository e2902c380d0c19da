"""Tests: the reports of runs, what is known of each test over time, and who put one aside."""

from django.db import models
from django.db.models import Q

from devops.models import Row
from pipelines.models.definitions import Pipeline
from pipelines.models.runs import PipelineRun, StepExecution

_STATUSES = ["passed", "failed", "error", "skipped"]


class TestReport(Row):
    """The counts of one JUnit report of one attempt, and what its results are compared by.

    `number` counts the pipeline's reports. Results are compared within one `lane` (a step and its
    combination); `state` is what was tested, a commit. `quarantined` of the failures were
    forgiven. `is_counted` says that the tests' history knows the report, `has_cases` that its
    cases are still there.
    """

    __test__ = False  # pytest collects classes named Test*

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(PipelineRun, on_delete=models.CASCADE, related_name="test_reports")
    step_execution = models.OneToOneField(
        StepExecution, on_delete=models.CASCADE, related_name="test_report"
    )
    # Reports that are older than the history of tests have neither pipeline nor number.
    pipeline = models.ForeignKey(
        Pipeline, on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    number = models.PositiveIntegerField(default=0)
    lane = models.CharField(max_length=6, blank=True)
    state = models.CharField(max_length=20, blank=True)
    is_on_default_branch = models.BooleanField(default=False)
    total = models.PositiveIntegerField()
    passed = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    errors = models.PositiveIntegerField()
    skipped = models.PositiveIntegerField()
    quarantined = models.PositiveIntegerField(default=0)
    duration_ms = models.PositiveBigIntegerField()
    is_truncated = models.BooleanField(default=False)
    is_counted = models.BooleanField(default=False)
    has_cases = models.BooleanField(default=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["pipeline", "number"], condition=Q(number__gt=0), name="test_report_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["created_at"], name="test_report_uncounted", condition=Q(is_counted=False)
            ),
            models.Index(
                fields=["created_at"], name="test_report_cases", condition=Q(has_cases=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.passed} of {self.total}"


class TestCase(models.Model):
    """One test of a report; `key` is that of its `KnownTest`."""

    __test__ = False  # pytest collects classes named Test*

    report = models.ForeignKey(TestReport, on_delete=models.CASCADE, related_name="cases")
    pipeline = models.ForeignKey(Pipeline, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=32, blank=True)
    suite = models.CharField(max_length=300, blank=True)
    name = models.CharField(max_length=500)
    file = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=8)
    is_quarantined = models.BooleanField(default=False)
    duration_ms = models.PositiveBigIntegerField(default=0)
    message = models.CharField(max_length=2000, blank=True)
    details = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=_STATUSES), name="test_case_status"),
        ]
        indexes = [models.Index(fields=["pipeline", "key", "-id"], name="test_case_history")]

    def __str__(self) -> str:
        return self.name


class KnownTest(Row):
    """What is known of one test of a pipeline, from its last results.

    A test is a suite and a name; `key` is their digest. `recent` holds the last results as
    `pipelines.flakiness.Ending` writes them, the newest last; the other numbers follow from it.
    """

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    pipeline = models.ForeignKey(Pipeline, on_delete=models.CASCADE, related_name="known_tests")
    key = models.CharField(max_length=32)
    suite = models.CharField(max_length=300, blank=True)
    name = models.CharField(max_length=500)
    file = models.CharField(max_length=500, blank=True)
    last_status = models.CharField(max_length=8)
    last_seen_at = models.DateTimeField()
    last_failed_at = models.DateTimeField(null=True)
    last_failed_run = models.ForeignKey(
        PipelineRun, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    recent = models.TextField(blank=True)
    passed_count = models.PositiveSmallIntegerField(default=0)
    failed_count = models.PositiveSmallIntegerField(default=0)
    # Of 1000.
    score = models.PositiveSmallIntegerField(default=0)
    median_ms = models.PositiveBigIntegerField(default=0)
    median_before_ms = models.PositiveBigIntegerField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["pipeline", "key"], name="known_test_once"),
        ]
        indexes = [
            models.Index(fields=["pipeline", "score", "id"], name="known_test_score"),
            models.Index(fields=["pipeline", "failed_count", "id"], name="known_test_failures"),
            models.Index(fields=["pipeline", "median_ms", "id"], name="known_test_duration"),
            models.Index(fields=["last_seen_at"], name="known_test_seen"),
        ]

    def __str__(self) -> str:
        return self.name


class TestQuarantine(Row):
    """A person put a test aside: until it ends, a failure of it fails no step."""

    __test__ = False  # pytest collects classes named Test*

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    pipeline = models.ForeignKey(Pipeline, on_delete=models.CASCADE, related_name="+")
    test = models.ForeignKey(KnownTest, on_delete=models.CASCADE, related_name="quarantines")
    reason = models.CharField(max_length=500)
    begun_by = models.CharField(max_length=200)
    expires_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["test"], condition=Q(ended_at=None), name="quarantine_once"
            ),
        ]
        indexes = [
            models.Index(fields=["pipeline"], name="quarantine_open", condition=Q(ended_at=None)),
            models.Index(
                fields=["expires_at"], name="quarantine_expiry", condition=Q(ended_at=None)
            ),
        ]

    def __str__(self) -> str:
        return str(self.test)
