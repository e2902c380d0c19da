"""The step types that come with the product."""

from pipelines.steps import checkout, commands, hosting, notify, run_tests, transfer
from pipelines.steps.registry import register


def register_builtin() -> None:
    """Enter every built-in type with its handler."""
    register(checkout.TYPE, checkout.CheckoutHandler())
    register(commands.RUN_COMMAND, commands.CommandHandler())
    register(commands.CUSTOM, commands.CommandHandler())
    register(run_tests.TYPE, run_tests.RunTestsHandler())
    register(notify.TYPE, notify.NotifyHandler())
    register(transfer.UPLOAD, transfer.UploadHandler())
    register(transfer.DOWNLOAD, transfer.DownloadHandler())
    register(hosting.CREATE_BRANCH, hosting.CreateBranchHandler())
    register(hosting.CREATE_PR, hosting.CreatePrHandler())
    register(hosting.POST_COMMENT, hosting.PostCommentHandler())
