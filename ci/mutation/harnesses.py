"""Faults of the kinds that the harnesses are there to find: lost memory, lost errors, lost bits."""

__all__ = ["CHANGES"]

CORE = "fortran/{}"
PACKAGE = "src/leastsq/{}"

CHANGES = {
    ("honesty", PACKAGE.format("_outcome.py")): """
        a covariance at maxfev        | SUCCESS = range(1, {5 -> 6})
        one where nothing is finite   | if {finite -> True} and ier in USABLE
        """,
    ("honesty", PACKAGE.format("_many.py")): """
        masked fits make a warning    | if not (result.success | {masked -> False}).all()
        """,
    ("honesty", PACKAGE.format("_many_result.py")): """
        NumPy's warnings escape       | np.errstate(all="{ignore -> warn}")
        """,
    ("honesty", PACKAGE.format("_batch_advance.c")): """
        success at an infinite x      | converged = {finite -> 1} && view.info
        ier 5 is a success            | view.info <= {LEASTSQ_ORTHOGONAL_RESIDUAL -> 5};
        """,
    ("fuzz", PACKAGE.format("_tell.c")): """
        values of points told         | told->columns[i], {values -> PyArray_DATA(told->values)});
        """,
    ("fuzz_many", PACKAGE.format("_batch_advance.c")): """
        weights of a slot that moves  | weights_of(batch, slot), weights_of(batch, {last -> slot}),
        """,
    ("fuzz_many", PACKAGE.format("_batch_answer.c")): """
        a residual that waits         | (size_t)({MAX_GROUP - 1 -> 0}) * (size_t)batch->m;
        """,
    ("fuzz_many", PACKAGE.format("_problems.py")): """
        rows of a part of a tile      | np.unique(self.index[{first -> 0}:last], return_inverse
        """,
    ("fuzz_many", PACKAGE.format("_many_kinds.py")): """
        a slot that has failed        | failed[i] = {True -> False}
        """,
    ("properties", PACKAGE.format("_module.c")): """
        pivots of the covariance      | from_one[j] = ipvt[{j -> n - 1 - j}] + 1;
        """,
    ("properties", PACKAGE.format("_checks.py")): """
        epsfcn is NaN                 | epsfcn = {0.0 -> 1.0}
        """,
    ("many_properties", PACKAGE.format("_many.py")): """
        fits that need no warning     | (result.ier == IMPROPER_INPUT) {& -> |} fits.zero_weighted
        """,
    ("many_properties", PACKAGE.format("_many_result.py")): """
        no degree of freedom          | known = self.dof {> -> >=} 0
        """,
    ("allocations", PACKAGE.format("_ask.c")): """
        unchecked allocation          | if ({solve->factors == NULL -> 0}) {
        """,
    ("allocations", PACKAGE.format("_tell.c")): """
        lost error                    | PyMem_Free(scratch); {PyErr_NoMemory(); -> ;} return -1;
        """,
    ("allocations", PACKAGE.format("_solve.c")): """
        unchecked scratch             | if ({arrays->diag == NULL -> 0}) PyErr_NoMemory();
        """,
    ("allocations", PACKAGE.format("_module.c")): """
        no error of a covariance      | Py_CLEAR(cov); {PyErr_NoMemory(); -> ;} } else if
        """,
    ("callback", PACKAGE.format("_driver.py")): """
        swallowed MemoryError         | except {MemoryError -> KeyError}: raise
        """,
    ("soak", PACKAGE.format("_batch.c")): """
        blocks that are not freed     | {PyMem_Free(batch->blocks); -> ;}
        """,
    ("soak", PACKAGE.format("_trampoline.c")): """
        lost reference to a point     | {Py_XDECREF(user->stack[LEASTSQ_POINT]); -> ;}
        """,
    ("soak", PACKAGE.format("_batch_answer.c")): """
        norms that threads share      | {double -> static double} norms[MAX_GROUP];
        """,
    ("environment", CORE.format("simd/kernels_body.h")): """
        product that is negated       | ld + i, {c * y - s * x -> -s * x + c * y});
        division by a norm of zero    | one = none & (mask)broadcast({1.0 -> 0.0});
        """,
    ("environment", CORE.format("simd/lanes.h")): """
        division by a pivot of zero   | norm = select_lanes(norm {== -> <} zero, broadcast(1.0)
        """,
    ("environment", CORE.format("enorm.f90")): """
        division by a length of zero  | large_limit/real({max(n, 1) -> n}, wp)
        """,
    ("native_limits", CORE.format("kinds.f90")): """
        stack                         | stack_capacity = {3840 -> 3960}
        """,
    ("native_limits", CORE.format("qrfac.f90")): """
        last column of a block        | size(a, 2) - first {+ 1 -> + 0})
        """,
    ("native_limits", CORE.format("simd/kernels_body.h")): """
        int as an index               | *)a + {(first + k) * lda -> (int)((first + k) * lda)};
        """,
    ("native_refusals", CORE.format("capi.f90")): """
        int as a size                 | if (lwa < {int(m, c_int64_t) -> m}*n
        """,
    ("native_refusals", CORE.format("workspace.f90")): """
        int as the size of a block    | header_reals + {7*int(n, c_int64_t) -> int(7*n, c_int64_t)}
        """,
    ("attacks", PACKAGE.format("_trampoline.c")): """
        x that is kept                | return Py_REFCNT(x) {== -> >=} 1 &&
        a vectorized result's memory  | subject); {Py_DECREF(result); -> (void)result;} return
        """,
    ("attacks", PACKAGE.format("_results.c")): """
        a refused residual's memory   | m, out); {Py_DECREF(array); -> (void)array;} return
        """,
    ("attacks", PACKAGE.format("_batch_answer.c")): """
        memory of rows                | END_ALLOW_THREADS {Py_DECREF(rows); -> (void)rows;}
        """,
    ("attacks", PACKAGE.format("_many_run.py")): """
        place of an error             | flat = int(tile.flat[{problem -> problem - 1}])
        """,
    ("attacks", PACKAGE.format("_many_kinds.py")): """
        place of an error alone       | keep_error(group.tile, {int(alone.problems[0]) -> 0}, error)
        shape of a problem alone      | if {row.shape != (1, self.m) -> False} or not np.can_cast(
        """,
    ("attacks", PACKAGE.format("_many_python.py")): """
        whose the first residual is   | if requests and {requests[0][2][0] == 0 -> True}:
        """,
    ("attacks", PACKAGE.format("_problems.py")): """
        shape of a part               | if {values.shape != wanted -> False}:
        a shared row                  | rows = {self.array[:] -> self.array} if self.shared
        """,
    ("attacks_asking", PACKAGE.format("_tell.c")): """
        a wrong point                 | if (told->unrequested {>= -> >} 0) return 0;
        a refusal without an end      | solve->telling = {0 -> status < 0};
        """,
    ("attacks_compiled", PACKAGE.format("_compiled.c")): """
        memory of arguments           | {Py_XDECREF(compiled->owners); -> (void)compiled->owners;}
        """,
    ("attacks_pickles", PACKAGE.format("_ask.c")): """
        blocks that are unsound       | sound = {leastsq_block_is_sound(solve->block, size) -> 1};
        """,
    ("attacks_processes", PACKAGE.format("_many_pools.py")): """
        processes go on               | values()): {process.kill() -> pass}
        """,
}
