"""Changes to whole solves: the iteration, its drivers, blocks of workspace, and batches of them."""

__all__ = ["CHANGES"]

CORE = "fortran/{}.f90"
ITERATION = CORE.format("levenberg_marquardt")

CHANGES = {
    ("fuzz", ITERATION): """
        a NaN is the largest cosine   | merge(cosine, largest, cosine {> -> /=} largest)
        """,
    ("trust_region", ITERATION): """
        ratio that shrinks            | shrink_ratio = {0.25_wp -> 0.26_wp}
        ratio that expands            | expand_ratio = {0.75_wp -> 0.74_wp}
        largest factor that shrinks   | max_shrink_factor = {0.5_wp -> 0.51_wp}
        smallest factor that shrinks  | min_shrink_factor = {0.1_wp -> 0.11_wp}
        how bad a failed step is      | failure_factor = {0.1_wp -> 0.11_wp}
        step and radius that shrinks  | min_step_fraction = {0.1_wp -> 0.11_wp}
        failed step                   | step%actual = {- -> +}1.0_wp
        just a failed step            | if (failure_factor*step%fnorm {< -> <=} state%fnorm) then
        sign of the actual reduction  | step%actual = 1.0_wp {- -> +} (step%fnorm/state%fnorm)**2
        first of J p                  | do i = {1 -> 2}, j arrays%model_change(i) =
        damping                       | (sqrt(state%par){* -> /}step%length)
        twice the damping             | damping**2/{0.5_wp -> 0.25_wp}
        sign of the slope             | step%slope = {- -> +}(change**2
        no prediction                 | if (step%predicted {/= -> ==} 0.0_wp)
        ratio                         | step%actual{/ -> *}step%predicted
        just shrinks                  | if (step%ratio {<= -> <} shrink_ratio) then
        the residual grew             | if (step%actual {< -> >} 0.0_wp) then
        sign in the parabola          | (step%slope {+ -> -} max_shrink_factor*step%actual)
        just ten times                | failure_factor*step%fnorm {>= -> >} state%fnorm .or.
        too much shrinking            | .or. shrink {< -> >} min_shrink_factor) then
        radius or step                | shrink*{smaller -> max}(state%delta, step%length/
        parameter shrinks             | state%par = state%par{/ -> *}shrink
        undamped                      | else if (state%par {== -> /=} 0.0_wp .or.
        just expands                  | .or. step%ratio {>= -> >} expand_ratio) then
        twice the step                | state%delta = step%length/{0.5_wp -> 0.25_wp}
        half the parameter            | state%par = {0.5_wp -> 0.25_wp}*state%par
        """,
    ("trust_region", CORE.format("stop_tests")): """
        xtol                          | state%delta {<= -> <} options%xtol*state%xnorm
        maxfev                        | if (state%nfev {>= -> >} options%maxfev)
        xtol too small                | state%delta {<= -> <} machine_epsilon*state%xnorm
        gtol too small                | if (state%gnorm {<= -> <} machine_epsilon)
        actual at ftol                | abs(step%actual) {<= -> <} tolerance .and.
        predicted at ftol             | step%predicted {<= -> <} tolerance &
        both reductions               | tolerance {.and. -> .or.} step%predicted
        half the ratio                | .and. {0.5_wp -> 0.25_wp}*step%ratio
        ratio of two                  | *step%ratio {<= -> <} 1.0_wp
        """,
    ("levenberg_marquardt", ITERATION): """
        ratio that is accepted        | accept_ratio = {1.0e-4_wp -> 1.0e-1_wp}
        cosine at gtol                | if (state%gnorm {<= -> >} options%gtol .or.
        norms scale                   | if (options%mode {/= -> ==} 2) then
        scaling grows                 | if (options%mode {/= -> ==} 2) call
        first radius                  | state%delta = options%factor{* -> /}state%xnorm
        start at zero                 | if (state%delta {== -> /=} 0.0_wp) state%delta
        first of the gradient         | do i = {1 -> 2}, j total =
        largest cosine                | merge(cosine, largest, cosine {> -> <} largest)
        larger scaling                | merge(norms(j), diag(j), norms(j) {> -> <} diag(j))
        sign of the step              | arrays%step(j) = {- -> +}arrays%step(j)
        first step bounds the radius  | state%delta = {smaller -> max}(state%delta, state%step
        only the first step           | if (state%iteration {== -> /=} 1) state%delta
        iterations counted            | state%iteration = state%iteration + {1 -> 2}
        refused                       | if (flag {< -> <=} 0) then
        residuals counted             | state%nfev = state%nfev + {1 -> 2}
        Jacobians counted             | state%njev = state%njev {+ -> -} 1
        differences counted           | state%nfev = state%nfev {+ -> -} n
        step not taken                | else if (step%ratio {< -> >} accept_ratio) then
        """,
    ("levenberg_marquardt", CORE.format("solve")): """
        no evaluations                | options%maxfev {> -> >=} 0
        fewer residuals               | size(arrays%fvec) {>= -> >} size(arrays%x)
        leading dimension             | size(arrays%fjac, 1) {>= -> >} size(arrays%fvec)
        zero factor                   | options%factor {<= -> <} 0.0_wp)
        zero in the scaling           | any(arrays%diag {<= -> <} 0.0_wp)
        iterations shown              | mod(state%iteration - {1 -> 0}, nprint)
        """,
    ("levenberg_marquardt", CORE.format("lmdif")): """
        report that stops             | if (flag {>= -> <} 0 .and. report_is_due
        last report                   | if (nprint {> -> <} 0) flag
        """,
    ("levenberg_marquardt", CORE.format("lmder")): """
        report that stops             | if (flag {>= -> <} 0 .and. report_is_due
        last report                   | if (nprint {> -> <} 0) flag
        """,
    ("reverse", CORE.format("reverse")): """
        columns missing               | columns_missing(header) {> -> <} 0) return
        refusal of all columns        | if (flag {>= -> <} 0 .and. columns_missing
        column given twice            | if (given(j + 1) {== -> /=} 0) header%columns
        columns counted               | header%columns = header%columns {+ -> -} 1
        columns forgotten             | header%columns = {0 -> 1} given = 0 request
        diag in mode 2 alone          | if (mode {== -> /=} 2 .and. present(diag))
        sign of the step              | point(j + 1) = arrays%x(j + 1) {+ -> -} step_for
        first column                  | j {>= -> >} 0 .and. j < header%n
        last column                   | j >= 0 .and. j {< -> <=} header%n
        version                       | if (header%version {/= -> ==} layout_version) return
        after the end                 | if (request {<= -> <} 0) return
        kind of Jacobian              | wants_differences, analytic {/= -> ==} 0)
        """,
    ("reverse", CORE.format("workspace")): """
        fewest variables              | if (n < {1 -> 2} .or. m < n) return
        fewest residuals              | if (n < 1 .or. m {< -> <=} n) return
        overflow                      | if (reals {> -> <} (huge(bytes)
        place of the scaling          | block(index_of_x + {n -> 2*n}), block(index_of_qtf(header))
        place of the trial point      | index_of_x + {4 -> 3}*int(header%n
        place of the trial residual   | index_of_fvec(header) + {header%m -> 1}
        place of the Jacobian         | index_of_trial_fvec(header) + {header%m -> 1}
        """,
    ("pickle", CORE.format("checkpoint")): """
        shortest block                | if (bytes {< -> >} header_bytes) return
        version of a checkpoint       | header%version {/= -> ==} layout_version
        size of a checkpoint          | header%n) {/= -> ==} bytes) return
        options of a checkpoint       | if ({.not. options -> options}_are_proper(header%options
        marks of columns              | given /= 0 .and. given /= {1 -> 2}
        number of marks               | header%columns {/= -> ==} sum(given)
        permutation at a trial        | request == wants_residual {.or. -> .and.} any(arrays%ipvt
        kind without a Jacobian       | (jacobian == wants_jacobian {.or. -> .and.} jacobian
        end without a reason          | wants_nothing {.neqv. -> .eqv.} state%info
        fewest evaluations            | state%nfev >= {0 -> -1} .and.
        fewest Jacobians              | state%njev >= {0 -> -1} .and.
        first iteration               | state%iteration >= {1 -> 0}
        columns without differences   | state%request {== -> /=} wants_differences
        number missing in ipvt        | is_permutation {.and. -> .or.} any(ipvt == j)
        """,
    ("many", CORE.format("batch")): """
        point of a trial              | request {== -> /=} wants_residual) first = index_of_trial_x
        step of a column              | stepped(j) = point(j) {+ -> -} difference_step
        place of its residual         | request {== -> /=} wants_residual) first = index_of_trial_f
        place of a column             | index_of_fjac(header) + {j -> 0}*m
        parameter of a column         | block(index_of_x + {j -> 0}))
        """,
    ("lanes", CORE.format("batch")): """
        residual that is not finite   | ({.not. is_finite -> is_finite}(header%state%fnorm))
        factors of which block        | factored(block_of_lane(i)) = lanes({i -> 1})%factored
        """,
    ("asktell", CORE.format("reverse")): """
        epsfcn not set yet            | header%options%epsfcn {/= -> ==} header%options%epsfcn)
        """,
}
