"""Every setting of the site. Each environment variable is read once, here, with its reason beside it."""

import logging
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from segmentation_site import error_reports, file_storage, queues
from segmentation_site.appearance import UNFOLD  # noqa: F401 - the admin theme reads it here
from segmentation_site.content_policy import CONTENT_SECURITY_POLICY  # noqa: F401 - the policy's middleware reads it here
from segmentation_site.description import SPECTACULAR_SETTINGS  # noqa: F401 - drf-spectacular reads it here
from segmentation_site.embedded.folder import DataFolder

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
# The real environment wins over the file, so that one call can override what a machine has written down.
environ.Env.read_env(BASE_DIR / ".env", overwrite=False)

# ---- where things live -----------------------------------------------------------------------------------------------

# Embedded servers, uploads, exports and the generated secret key.
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
DATA_FOLDER = DataFolder(DATA_DIR)

# ---- safety ----------------------------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)

LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
_hosts: list[str] = env.list("ALLOWED_HOSTS", default=[])
IS_PUBLIC = bool(set(_hosts) - set(LOCAL_HOSTS))
ALLOWED_HOSTS = _hosts or LOCAL_HOSTS

_secret_key: str = env.str("SECRET_KEY", default="")
if IS_PUBLIC and (len(_secret_key) < 50 or len(set(_secret_key)) < 5):
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS names a public host, but SECRET_KEY is missing or weak (at least 50 characters are needed). "
        'Set one, for example from: python3 -c "import secrets; print(secrets.token_urlsafe(64))"'
    )
if IS_PUBLIC and "*" in _hosts:
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS must name the site's hosts; '*' would let anybody forge links. Name them."
    )
if IS_PUBLIC and DEBUG:
    raise ImproperlyConfigured("DEBUG shows internals to everybody and cannot be on for a public host. Unset DEBUG.")
SECRET_KEY = _secret_key or DATA_FOLDER.secret_key
IS_SECRET_KEY_SET = bool(_secret_key)
# Older keys: what was made under them counts until they are dropped.
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])

CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# A public site is served over TLS by the proxy in front of it; the local default speaks plain HTTP on loopback.
SECURE_SSL_REDIRECT = IS_PUBLIC
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_PUBLIC else None
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if IS_PUBLIC else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_PUBLIC
SECURE_HSTS_PRELOAD = IS_PUBLIC
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PUBLIC
# The __Host- prefix binds a cookie to this very host; browsers refuse it without TLS.
SESSION_COOKIE_NAME = "__Host-sessionid" if IS_PUBLIC else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if IS_PUBLIC else "csrftoken"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 30 * 60
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# ---- applications ----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_htmx",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "csp",
    "segmentation_site.embedded",
    "segmentation_site.jobs",
    "segmentation_site.http",
    "segmentation_site.access",
    "segmentation_site.webhooks",
    "customers",
    "segments",
]

MIDDLEWARE = [
    "segmentation_site.http.room.room_for_frames",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "segmentation_site.http.requests.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "segmentation_site.language.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "segmentation_site.access.sessions.AbsoluteSessionLimitMiddleware",
    "segmentation_site.access.audit.WhoMiddleware",
    "segmentation_site.http.requests.StorableNamesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "segmentation_site.http.requests.BodyLimitMiddleware",
]

ROOT_URLCONF = "segmentation_site.urls"
WSGI_APPLICATION = "segmentation_site.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "segmentation_site.access.roles.permissions_for_templates",
                "segmentation_site.appearance.shell",
            ],
            "builtins": ["segmentation_site.language.filters"],
        },
    },
]

# ---- database --------------------------------------------------------------------------------------------------------

# The web keeps a small pool; workers must not, because Celery closes Django's pool at each task's end.
PROCESS = env.str("SEGMENTATION_PROCESS", default="command")
WEB_THREADS = env.int("WEB_THREADS", default=4)
# 0: as many as the machine has cores.
WEB_WORKERS = env.int("WEB_WORKERS", default=0)
WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=0)

_database_url: str = env.str("DATABASE_URL", default="")
IS_DATABASE_EMBEDDED = not _database_url
_database: dict[str, Any] = env.db_url_config(_database_url or DATA_FOLDER.database_url)
_database["ENGINE"] = "django.db.backends.postgresql"
_database.setdefault("OPTIONS", {})
_database["OPTIONS"] |= {"application_name": f"segmentation-{PROCESS}", "connect_timeout": 5}
# No page or API request may hold the database longer than this; jobs set their own limits.
WEB_STATEMENT_TIMEOUT_SECONDS = 20
if PROCESS == "web":
    _database["OPTIONS"]["options"] = f"-c statement_timeout={WEB_STATEMENT_TIMEOUT_SECONDS}s"
    _database["OPTIONS"]["pool"] = {"min_size": 1, "max_size": WEB_THREADS + 1, "timeout": 5}
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ---- broker ----------------------------------------------------------------------------------------------------------

REDIS_URL: str = env.str("REDIS_URL", default="")
IS_BROKER_EMBEDDED = not REDIS_URL
REDIS_URL = REDIS_URL or DATA_FOLDER.redis_url


def _broker_url(redis_url: str) -> str:
    """Celery wants its own spelling for a unix socket."""
    if redis_url.startswith("unix://"):
        path, _, query = redis_url.removeprefix("unix://").partition("?")
        number = dict(part.split("=", 1) for part in query.split("&") if "=" in part).get("db", "0")
        return f"redis+socket://{path}?virtual_host={number}"
    return redis_url


CELERY_BROKER_URL = _broker_url(REDIS_URL)
# The row is the job: results live in PostgreSQL, the message is only a hint, and it is acknowledged early.
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE, CELERY_TASK_QUEUES, CELERY_TASK_ROUTES = queues.JOBS, queues.QUEUES, queues.ROUTES
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Without these a request that rings the bell hangs for over a minute when the broker is frozen; with them it fails in
# 6 s.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 3,
    "socket_connect_timeout": 3,
    "retry_on_timeout": False,
    "visibility_timeout": 3600,
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# How long a job is safe from others after its worker's last sign of life, and how often somebody looks for lost ones.
JOB_LEASE_SECONDS = env.int("JOB_LEASE_SECONDS", default=60)
JOB_SWEEP_SECONDS = env.int("JOB_SWEEP_SECONDS", default=15)
# How many runs of a segmentation can be gone back to, beside the one in use; how long imports keep files and rows.
RUNS_KEPT = env.int("RUNS_KEPT", default=10)
IMPORTS_KEPT_DAYS = env.int("IMPORTS_KEPT_DAYS", default=90)
EXPORTS_KEPT_DAYS = env.int("EXPORTS_KEPT_DAYS", default=7)
AUDIT_KEPT_DAYS = env.int("AUDIT_KEPT_DAYS", default=730)
if AUDIT_KEPT_DAYS < 30:
    raise ImproperlyConfigured("AUDIT_KEPT_DAYS is at least 30: the database itself keeps entries for so long.")
# Bytes that one job may take; 0: a share of what the machine has.
JOB_MEMORY_BYTES = env.int("JOB_MEMORY_BYTES", default=0)
# Runs that are too large for one machine, or that ask for it, are passed over there; "" for never.
SPARK_MASTER: str = env.str("SPARK_MASTER", default="").strip()
if SPARK_MASTER and not SPARK_MASTER.startswith(("local", "spark://", "yarn", "k8s://")):
    raise ImproperlyConfigured(
        f"SPARK_MASTER is no address of a Spark master: {SPARK_MASTER!r}. "
        "Give one such as spark://host:7077 or local[4]."
    )
# Workers and Spark's machines see it under the same path; snapshots lie there while a run works.
SPARK_FOLDER = Path(env.str("SPARK_FOLDER", default=str(DATA_DIR / "spark"))).resolve()
CELERY_BEAT_SCHEDULE = {
    "jobs: sweep": {
        "task": "jobs.sweep",
        "schedule": float(JOB_SWEEP_SECONDS),
        "options": {"expires": JOB_SWEEP_SECONDS},
    }
}
CELERY_TIMEZONE = "UTC"

# ---- files -----------------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Web and workers must see the same files: on several machines a shared folder, or object storage.
STORAGE_URL: str = env.str("STORAGE_URL", default="") or (DATA_DIR / "media").as_uri()
STORAGES: dict[str, dict[str, Any]] = {
    "default": file_storage.storage(STORAGE_URL),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# What a backup takes along: files in object storage are not ours to keep.
MEDIA_ROOT = STORAGES["default"]["OPTIONS"]["location"] if STORAGE_URL.startswith("file:") else DATA_DIR / "media"
# Uploads above this go to disk while they arrive, so that a web process never holds a file in memory.
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
IMPORT_MAX_BYTES = env.int("IMPORT_MAX_BYTES", default=2 * 1024**3)

# Chart.js comes with the admin theme as a static file; a system check makes sure that it is there.
CHART_JS = "unfold/js/chart/chart.js"

# ---- sign-in ---------------------------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
# How authenticator apps name the site.
OTP_TOTP_ISSUER = "Segments"
SESSION_ABSOLUTE_AGE = 12 * 60 * 60

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# Sign-ins are in the audit trail, which is pruned; what came with a wrong one must not be kept beside it.
AXES_DISABLE_ACCESS_LOG = True
AXES_SENSITIVE_PARAMETERS = ["username", "password", "code", "old_password", "new_password1", "new_password2"]
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
# Behind a proxy the caller's address is in a header; it is believed only when the number of proxies is said.
PROXY_COUNT = env.int("PROXY_COUNT", default=0)
AXES_CLIENT_IP_CALLABLE = "segmentation_site.http.callers.address_of"

# ---- webhooks --------------------------------------------------------------------------------------------------------

# Networks inside to which webhooks may be sent nevertheless, over plain HTTP too; everything else must be public.
_own_networks: list[str] = env.list("WEBHOOKS_ALLOW_PRIVATE", default=[])
try:
    WEBHOOKS_ALLOW_PRIVATE = tuple(ip_network(network.strip(), strict=False) for network in _own_networks)
except ValueError as error:
    raise ImproperlyConfigured(f"WEBHOOKS_ALLOW_PRIVATE takes networks such as 10.1.0.0/16: {error}.") from error
# Certificates of authorities that receivers are trusted for; "" for those that the machine trusts.
WEBHOOKS_CA_FILE: str = env.str("WEBHOOKS_CA_FILE", default="")
WEBHOOKS_KEPT_DAYS = env.int("WEBHOOKS_KEPT_DAYS", default=30)
if WEBHOOKS_KEPT_DAYS < 7:
    raise ImproperlyConfigured("WEBHOOKS_KEPT_DAYS is at least 7: a delivery is tried for three days.")

# ---- API -------------------------------------------------------------------------------------------------------------

# Per key; 0 counts nothing.
API_CALLS_PER_MINUTE = env.int("API_CALLS_PER_MINUTE", default=600)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "segmentation_site.access.keys.ApiKeyAuthentication",
        "segmentation_site.access.keys.BrowserSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["segmentation_site.access.scopes.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["segmentation_site.http.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["segmentation_site.http.parsing.JSONParser"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "segmentation_site.http.schema.ProblemAutoSchema",
    "DEFAULT_VERSIONING_CLASS": None,
    "EXCEPTION_HANDLER": "segmentation_site.http.problems.as_problem",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": False,
}

# ---- language, time, logs --------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
# Each by its own name, so that everybody finds theirs.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = "__Host-language" if IS_PUBLIC else "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
LANGUAGE_COOKIE_SECURE = IS_PUBLIC
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_I18N = True
FORMAT_MODULE_PATH = ["segmentation_site.formats"]
USE_TZ = True
TIME_ZONE = "UTC"
USE_THOUSAND_SEPARATOR = True

# Where errors are told of, beside the logs.
SENTRY_DSN: str = env.str("SENTRY_DSN", default="")
if SENTRY_DSN and PROCESS != "command":
    error_reports.tell(SENTRY_DSN, PROCESS)

# Who is invited gets the link by e-mail too, and who started a job that failed is told.
_email: dict[str, Any] = env.email_url("EMAIL_URL", default="dummymail://")
globals().update({name: value for name, value in _email.items() if name.startswith("EMAIL_")})
IS_EMAIL_SET = "dummy" not in _email["EMAIL_BACKEND"]
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default=f"segments@{ALLOWED_HOSTS[0]}")

# What Prometheus sends as its bearer token; without one only this machine may read /metrics.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")

if PROCESS != "command":
    # What libraries warn of is a line like any other.
    logging.captureWarnings(capture=True)

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "segmentation_site.logs.formatter"},
        # For people at a terminal.
        "line": {"format": "{levelname} {name} {message}", "style": "{"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "stream": sys.stderr,
            "formatter": "line" if PROCESS == "command" else "json",
        }
    },
    "root": {
        "handlers": ["stderr"],
        "level": env.str("LOG_LEVEL", default="INFO" if PROCESS != "command" else "WARNING"),
    },
    "loggers": {
        "axes": {"level": "ERROR"},
        "django.server": {"level": "WARNING"},
        # Every word between Python and Spark's Java is a line of it.
        "py4j": {"level": "WARNING"},
        # Celery's pool tells of processes that died by this one, which hands nothing on to the root.
        "multiprocessing": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
    },
}
