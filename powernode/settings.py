"""Django's settings, composed from the typed configuration; the only reader of the environment."""

from typing import Any
from urllib.parse import urlsplit

from powernode.configuration import (
    ROOT,
    Configuration,
    database_settings,
    load_keys,
    redis_settings,
)

CONFIGURATION = load_keys(Configuration())
_redis = redis_settings(CONFIGURATION)

DEBUG = CONFIGURATION.debug
SECRET_KEY = CONFIGURATION.secret_key
SITE_URL = CONFIGURATION.site_url.rstrip("/")
ALLOWED_HOSTS = list({*CONFIGURATION.allowed_hosts, urlsplit(SITE_URL).hostname or "localhost"})
CSRF_TRUSTED_ORIGINS = [SITE_URL]
ROOT_URLCONF = "powernode.urls"
ASGI_APPLICATION = "powernode.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "devops",
    "gitintegration",
    "containers",
    "swarm",
    "integrations",
    "pipelines",
    "powernode",
]
# A worker serves no pages: leaving their libraries out saves it a third of its memory.
_PAGES_ONLY = ("unfold", "django.contrib.admin", "allauth", "drf_spectacular", "django_htmx")
if CONFIGURATION.role == "worker":
    INSTALLED_APPS = [name for name in INSTALLED_APPS if not name.startswith(_PAGES_ONLY)]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "powernode.middleware.HostileInputMiddleware",
    "powernode.middleware.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "powernode.context.frame",
            ],
        },
    }
]

DATABASES = {"default": database_settings(CONFIGURATION)}
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": _redis["cache"],
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [_redis["layer"]]},
    }
}
REDIS_LAYER_URL = _redis["layer"]
if not REDIS_LAYER_URL:
    CACHES["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    CHANNEL_LAYERS["default"] = {"BACKEND": "channels.layers.InMemoryChannelLayer"}

# People
AUTH_USER_MODEL = "devops.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_ADAPTER = "powernode.people.AccountAdapter"
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_SESSION_REMEMBER = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SECURE = SITE_URL.startswith("https:")
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE
CSRF_FAILURE_VIEW = "powernode.pages.csrf_failure"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# Static files: built by `make setup`, served by the web process itself.
STATIC_URL = "/static/"
STATIC_ROOT = CONFIGURATION.var / "static"
STATICFILES_DIRS = [path for path in [ROOT / "powernode" / "static"] if path.exists()]
# Embedded installations serve the files where they lie; images collect and hash them once.
WHITENOISE_USE_FINDERS = CONFIGURATION.profile == "embedded"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if WHITENOISE_USE_FINDERS
        else "powernode.staticfiles.ManifestStorage"
    },
}
MEDIA_ROOT = CONFIGURATION.var / "media"

# Mail: embedded installations write files that operators can read in the browser.
_mail = urlsplit(CONFIGURATION.email_url)
DEFAULT_FROM_EMAIL = CONFIGURATION.email_from
if CONFIGURATION.email_url:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = _mail.hostname or "localhost"
    EMAIL_PORT = _mail.port or 25
    EMAIL_HOST_USER = _mail.username or ""
    EMAIL_HOST_PASSWORD = _mail.password or ""
    EMAIL_USE_TLS = _mail.scheme == "smtp+tls"
    EMAIL_USE_SSL = _mail.scheme == "smtps"
    EMAIL_TIMEOUT = 15
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = CONFIGURATION.var / "mail"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "devops.api.authentication.TokenAuthentication",
        "devops.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["devops.api.permissions.DeclaredPermission"],
    "DEFAULT_PARSER_CLASSES": ["devops.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["devops.api.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["devops.api.filters.StrictFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "devops.paging.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "devops.api.schema.AutoSchema",
    "EXCEPTION_HANDLER": "devops.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Powernode API",
    "DESCRIPTION": "Pipelines, containers, Swarm, git hosts and integrations of one account.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_PERMISSIONS": ["devops.api.permissions.AnyActor"],
    "ENUM_NAME_OVERRIDES": {
        "Severity": ["error", "warning"],
        "AiConfigStatus": "devops.models.AiConfig.Status",
        "PromptDomain": "devops.models.PromptTemplate.Domain",
        "PromptCategory": "devops.models.PromptTemplate.Category",
        "RunStatus": "pipelines.choices.RunStatus",
        "StepStatus": "pipelines.choices.StepStatus",
        "TriggerType": "pipelines.choices.TriggerType",
        "TemplateStatus": "pipelines.choices.TemplateStatus",
        "TemplateCategory": "pipelines.choices.TemplateCategory",
        "FireOutcome": "pipelines.choices.FireOutcome",
        "RecipientKind": "pipelines.documents.vocabulary.RECIPIENT_KINDS",
        "ApprovalStatus": "pipelines.choices.GateStatus",
        "ApprovalKind": "pipelines.choices.GateKind",
        "WebhookEventStatus": "gitintegration.choices.WebhookEventStatus",
        "CiStatus": "gitintegration.choices.CiStatus",
        "GitSyncStatus": "gitintegration.choices.SyncStatus",
        "GitApprovalStatus": "gitintegration.choices.ApprovalStatus",
        "RunnerStatus": "gitintegration.choices.RunnerStatus",
        "RunnerScope": "gitintegration.choices.RunnerScope",
        "RunnerDispatchStatus": "gitintegration.choices.DispatchStatus",
        "WorkflowTriggerStatus": "gitintegration.choices.TriggerStatus",
        "GitProviderType": "gitintegration.choices.ProviderType",
        "ConnectionType": "devops.models.sources.Provider.Kind",
        "DeliveryStatus": "devops.models.messages.WebhookDelivery.Status",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "powernode.openapi.add_plain_views",
        "powernode.openapi.name_step_types",
    ],
}

# Celery: messages are wake-ups that carry ids; the database is the truth.
CELERY_BROKER_URL = _redis["broker"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_DB_REUSE_MAX = 10**9
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 10,
    "socket_connect_timeout": 3,
    "max_retries": 1,
    # A lost wake-up is found by the sweepers: nobody waits two seconds for a broker that is down.
    "interval_start": 0,
    "interval_step": 0,
}

# Ours
POWERNODE_PROFILE = CONFIGURATION.profile
POWERNODE_VAR = CONFIGURATION.var
POWERNODE_BLOB_ROOT = CONFIGURATION.var / "blobs"
POWERNODE_LOG_ROOT = CONFIGURATION.var / "logs"
POWERNODE_WORKSPACE_ROOT = CONFIGURATION.var / "workspaces"
POWERNODE_GIT_CACHE_ROOT = CONFIGURATION.var / "git"
POWERNODE_LOG_CAP_BYTES = CONFIGURATION.log_cap_bytes
POWERNODE_LOG_BACKEND = CONFIGURATION.log_backend
POWERNODE_REPOSITORY_LIMIT = CONFIGURATION.repository_limit
POWERNODE_ARTIFACT_MAX_BYTES = CONFIGURATION.artifact_max_bytes
POWERNODE_ARTIFACT_TOTAL_BYTES = CONFIGURATION.artifact_total_bytes
POWERNODE_ENCRYPTION_KEYS = CONFIGURATION.encryption_keys
POWERNODE_EGRESS_ALLOW = CONFIGURATION.egress_allow
POWERNODE_EXECUTORS = CONFIGURATION.executors
POWERNODE_DOCKER_HOST = CONFIGURATION.docker_host
POWERNODE_CONTAINER_MEMORY_MB = CONFIGURATION.container_memory_mb
POWERNODE_CONTAINER_CPU_MILLICORES = CONFIGURATION.container_cpu_millicores
POWERNODE_CONTAINER_PIDS = CONFIGURATION.container_pids
POWERNODE_CONTAINER_LOG_BYTES = CONFIGURATION.container_log_bytes
POWERNODE_CONTAINER_INIT = CONFIGURATION.container_init
POWERNODE_ENGINE_SILENCE_SECONDS = CONFIGURATION.engine_silence_seconds
POWERNODE_SANDBOX = CONFIGURATION.sandbox
POWERNODE_SANDBOX_READONLY = CONFIGURATION.sandbox_readonly
POWERNODE_GIT_LOCAL_ROOTS = [
    *CONFIGURATION.git_local_roots,
    *([str(CONFIGURATION.var / "repositories")] if CONFIGURATION.profile == "embedded" else []),
]
POWERNODE_LEASE_SECONDS = CONFIGURATION.lease_seconds
POWERNODE_HEARTBEAT_SECONDS = CONFIGURATION.heartbeat_seconds
POWERNODE_RUN_RETENTION_DAYS = CONFIGURATION.run_retention_days
POWERNODE_LOG_RETENTION_DAYS = CONFIGURATION.log_retention_days
POWERNODE_TEST_RETENTION_DAYS = CONFIGURATION.test_retention_days
POWERNODE_OUTBOX_RETENTION_DAYS = CONFIGURATION.outbox_retention_days
POWERNODE_WORKSPACE_RETENTION_DAYS = CONFIGURATION.workspace_retention_days
POWERNODE_WORKSPACE_MAX_BYTES = CONFIGURATION.workspace_max_bytes
POWERNODE_CACHE_MAX_BYTES = CONFIGURATION.cache_max_bytes
POWERNODE_CACHE_TOTAL_BYTES = CONFIGURATION.cache_total_bytes
POWERNODE_CACHE_RETENTION_DAYS = CONFIGURATION.cache_retention_days
POWERNODE_SNAPSHOT_MAX_BYTES = CONFIGURATION.snapshot_max_bytes
POWERNODE_SIGNUP = CONFIGURATION.signup
POWERNODE_FAILPOINTS = CONFIGURATION.failpoints
POWERNODE_READY_FILE = CONFIGURATION.ready_file

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}
