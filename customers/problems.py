"""What can be wrong with a file, as a problem that every door knows how to show."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from customers.files.schema import FileProblem
from segmentation_site.jobs.problems import Problem

UNSUPPORTED_MEDIA_TYPE = 415


class ImportProblem(Problem):
    """Something wrong with a file or with what its columns were said to mean; the code is the file problem's own."""

    @classmethod
    def of(cls, problem: FileProblem) -> Self:
        """The file problem with all it says, told as a problem of this site."""
        kind = type(problem)
        told = type(
            kind.__name__,
            (cls,),
            {
                "code": kind.code,
                "sentence": kind.sentence,
                "remedy": kind.remedy,
                "http_status": UNSUPPORTED_MEDIA_TYPE if kind.code == "not_text" else cls.http_status,
            },
        )
        found: Self = told(pointer=f"/{kind.about}", **problem.facts)
        return found


@contextmanager
def file_problems_told() -> Iterator[None]:
    """Whatever is wrong with a file inside the block becomes an ImportProblem."""
    try:
        yield
    except FileProblem as problem:
        raise ImportProblem.of(problem) from problem
