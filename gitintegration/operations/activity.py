"""How many commits a repository's default branch got in each of the last weeks."""

from datetime import datetime, timedelta

from django.utils import timezone

from gitintegration.clients.host import HostClient, every

WEEKS = 16
# A busier repository shows its newest ones.
MOST_COMMITS = 1000


def weekly_commits(
    client: HostClient, full_name: str, branch: str
) -> tuple[list[int], datetime | None]:
    """The counts, oldest week first, and when the newest commit was made.

    Raises:
        HostError: the host does not answer.
    """
    now = timezone.now()
    since = now - timedelta(weeks=WEEKS)
    counts, newest = [0] * WEEKS, None
    commits = every(
        lambda page: client.list_commits(full_name, ref=branch, since=since, page=page),
        MOST_COMMITS,
    )
    for commit in commits:
        made = commit.committer.date or commit.author.date
        # Hosts without `since` and clocks that are wrong bring others along.
        if made is None or not since < made <= now + timedelta(days=1):
            continue
        newest = max(newest, made) if newest else made
        counts[WEEKS - 1 - min(WEEKS - 1, max(0, (now - made).days // 7))] += 1
    return counts, newest
