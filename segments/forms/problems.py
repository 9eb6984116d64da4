"""Problems shown at the field that they are about."""

from django import forms

from segmentation_site.jobs.problems import Problem
from segmentation_site.language.saying import said

# Which field of a form a definition's field is.
FIELDS = {"features": "features", "scaling": "scaling", "k": "k", "k_range": "k_max", "seed": "seed"}


def put_problem(form: forms.Form, problem: Problem) -> None:
    """Show a problem at the field that it is about, or above the form."""
    first = problem.pointer.strip("/").split("/")[0]
    name = FIELDS.get(first, first)
    form.add_error(
        name if name in form.fields else None, forms.ValidationError(said(problem.detail), code=problem.code)
    )
