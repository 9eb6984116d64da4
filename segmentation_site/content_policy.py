"""What a page of the site may load, and from where: the Content-Security-Policy."""

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

# The admin theme's Alpine needs eval and its transitions inline styles; no inline script is allowed anywhere.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}
