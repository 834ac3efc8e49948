"""The changes that mutate.py makes to the core, and the tests that must notice each."""

CORE = "fortran/{}.f90"
ITERATION = CORE.format("levenberg_marquardt")
KERNELS = "fortran/simd/*.h"

CHANGES = {
    ("enorm", CORE.format("enorm")): """
        small components begin        | small_limit = {3.834e-20_wp -> 3.835e-20_wp}
        large components begin        | large_limit = {1.304e19_wp -> 1.303e19_wp}
        large depends on length       | limit = large_limit{/ -> *}real(n, wp)
        first component left out      | do i = {1 -> 2}, size(x) component = abs(x(i))
        power in the plain sum        | total = total + component**{2 -> 1}
        which class                   | component > small_limit {.and. -> .or.} component <
        first of the scaled left out  | do i = {1 -> 2}, size(x) call add(sums, abs(x(i)))
        small are scaled              | if (component {<= -> >} sum%largest) then
        sign at a new largest         | sum%total = 1.0_wp {+ -> -} sum%total*
        power at a new largest        | sum%total*(sum%largest/component)**{2 -> 1}
        sign of middle beside large   | sqrt(large%total {+ -> -} (middle/large%largest)
        middle or small               | else if (middle {>= -> <} small%largest) then
        sign of small beside middle   | sqrt(middle*(1.0_wp {+ -> -} (small%largest/middle)
        sign of middle beside small   | ((middle/small%largest) {+ -> -} (small%largest*small%total)
        """,
    ("qrfac", CORE.format("enorm")): """
        sign in a norm afresh         | abs(x(i) {- -> +} multiplier*v(i))
        """,
    ("qrfac", CORE.format("qrfac")): """
        when norms are recomputed     | downdate_trust = {0.05_wp -> 0.06_wp}
        number of reflectors          | do j = 1, {min -> max}(m, size(a, 2))
        zero column                   | if (rdiag(j) {/= -> ==} 0.0_wp .and. overlap) then
        reflector pending             | pending = rdiag(j) {/= -> ==} 0.0_wp
        sign of the norm              | if (a(j, j) {< -> >} 0.0_wp) norm = -norm
        one added to a reflector      | a(j, j) = a(j, j)/norm {+ -> -} 1.0_wp
        sign of the diagonal          | diagonal = {- -> +}norm
        rows of a norm afresh         | enorm_of_difference(columns(j + {1 -> 2}:m, k)
        pending without a reflector   | do k = j + {1 -> 2}, size(a, 2) call subtract
        sign of what is pending       | y = y {- -> +} multiplier*v
        first of equal pivots         | if (norms(k) {> -> >=} norms(largest))
        norm that moves aside         | element = x({j -> k})
        norm that moves forward       | x(j) = x({k -> j})
        multipliers that move         | if (pending .and. largest {/= -> ==} j) call exchange
        norm of the first pivot       | else if (j {== -> /=} 1) then norm = diagonal
        reference that moves aside    | reference(largest) = reference({j -> largest})
        blocks: zero column           | else if (rdiag(j) {/= -> ==} 0.0_wp) then call apply_by
        blocks: sign of a reflector   | a(j + 1:m, j) = a(j + 1:m, j)/({- -> +}norms(j))
        blocks: first column          | do first = j + {1 -> 2}, size(a, 2), size(multipliers)
        blocks: columns that remain   | min(size(multipliers), size(a, 2) - first {+ -> -} 1)
        blocks: rows to subtract from | call subtract(a(j + {1 -> 2}:m, k)
        """,
    ("qrfac", KERNELS): """
        reflect: sign                 | *x = *x {- -> +} t * pass->v[i];
        reflect: sign in a vector     | value = value {- -> +} t * v;
        reflect: vectors in a block   | before row 0 */ for (; i + LANES <= {to -> to + 1}; i +=
        reflect: vectors of a column  | 0}; for (; i + LANES <= {to -> to + 1}; i += LANES) {
        reflect: rows that remain     | for (ptrdiff_t row = i; row < {to -> to - 1}; row++)
        reflect: sums so far          | total[g] = i {== -> !=} 0 ? zero : load
        reflect: sum of a lane        | total[g] = total[g] {+ -> -} p[row];
        reflect: sum of one column    | total = total {+ -> -} terms[row];
        reflect: sum of what remains  | sum = sum {+ -> -} update_one
        reflect: lanes transposed     | vector even = SHUFFLE(p[0], p[1], {0 -> 1}, 2)
        reflect: columns that remain  | for (; k < {n -> n - 1}; k += LANES) {
        reflect: next block of rows   | from += {BLOCK_ROWS -> BLOCK_ROWS + 1})
        reflect: last block of rows   | ptrdiff_t to = from + BLOCK_ROWS {< -> >} m
        reflect: first row of a block | divide(pass->w, from {== -> !=} 0 ? 1 : from, to
        reflect: number not divided   | from == 0 ? {1 -> 0} : from, to, pass->divisor);
        reflect: next columns         | first += {BLOCK_COLUMNS -> BLOCK_COLUMNS + 1};
        finish_row: sign              | row[(first + k) * lda] {- -> +} t[first + k] * head
        finish_row: what is left      | element / norm, rest = 1.0 {- -> +} component * component
        finish_row: more was taken    | rest {> -> <} 0.0 ? rest : 0.0
        finish_row: share of the norm | (part {* -> +} part) <= least
        finish_row: lost              | * part) {<= -> >} least
        finish_row: zero norm         | norm[k] {== -> !=} 0.0 ? 0.0 : below
        finish_row: next columns      | first += {BLOCK_COLUMNS -> BLOCK_COLUMNS + 1}) {
        reflect: divided in blocks    | pass.divisor = {0.0 -> step->divisor}; /* divided by now */
        """,
    ("enorm", KERNELS): """
        square: small in a vector     | - (lower + {1 -> 0}); /* negative
        square: small in any lane     | pass->small |= small[lane] {< -> >} 0;
        square: small that remain     | magnitude(*x) {<= -> <} pass->lower;
        square: negative              | (-lower {<= -> <} x[i])
        square: positive              | (x[i] {<= -> <} lower)
        square: too large             | !(sums[k] {< -> >} upper * upper)
        """,
    ("fdjac2", KERNELS): """
        difference: first             | for (ptrdiff_t i = {0 -> 1}; i < m; i++) quotient
        difference: sign              | (plus[i] {- -> +} base[i]) / step;
        """,
    ("qrsolv", KERNELS): """
        rotate: sign of a row         | store(rows + b * ld + i, {- -> +}s * x + c * y);
        rotate: sign of the column    | x = c * x {+ -> -} s * y;
        rotate: what remains          | for (; i < {n -> n - 1}; i++) for (ptrdiff_t b = 0
        rotate: row that remains      | rows[b * ld + i] = {- -> +}sine[b] * x
        rotate: sign of what remains  | column[i] = cosine[b] * x {+ -> -} sine[b] * y;
        """,
    ("qrsolv", CORE.format("qrsolv")): """
        first copied below            | do i = j + {1 -> 2}, size(r, 2) r(i, j) = r(j, i)
        block that remains            | min(block, n - first {+ -> -} 1)
        rows that there is room for   | min(most_rows, stack_capacity{/ -> *}n)
        nothing to rotate             | if (rows(j, b) {== -> /=} 0.0_wp) then
        rows before a zero            | call turn(j, begun, b - {1 -> 2}, cosine
        rows after a zero             | begun = b + {1 -> 0}
        sign on the diagonal          | cosine(b)*s(j, j) {+ -> -} sine(b)*rows(j, b)
        sign of the right-hand side   | cosine(b)*rhs {+ -> -} sine(b)*row_rhs(b)
        sign of a row's right side    | row_rhs(b) = {- -> +}sine(b)*rhs
        sign of the column            | cosine(b)*s(i, j) {+ -> -} sine(b)*rows(i, b)
        sign of a row                 | rows(i, b) = {- -> +}sine(b)*s(i, j)
        first turned                  | do i = j + {1 -> 2}, n element =
        equal magnitudes              | if (abs(a) {< -> <=} abs(b)) then
        tangent or cotangent          | if (abs(a) {< -> >} abs(b)) then
        sign under the root           | quotient = b/a cosine = 0.5_wp/sqrt(0.25_wp {+ -> -}
        diagonal of R put back        | s(j, j) = {rdiag -> sdiag}(j)
        rank                          | if (sdiag(rank + 1) {== -> /=} 0.0_wp) exit
        last unknown                  | do j = rank, {1 -> 2}, -1
        first product                 | do i = j + {1 -> 2}, rank
        sign in the substitution      | z(j) = (z(j) {- -> +} total)/sdiag(j)
        """,
    ("lmpar", CORE.format("lmpar")): """
        tolerance of the bound        | bound_tolerance = {0.1_wp -> 0.11_wp}
        restart                       | restart_fraction = {0.001_wp -> 0.002_wp}
        one iteration less            | most_iterations = {10 -> 9}
        one iteration more            | most_iterations = {10 -> 11}
        just inside                   | if (phi {<= -> <} bound_tolerance*delta) then
        full rank                     | if (rank {== -> /=} size(x)) then
        upper bound                   | upper = gradient_norm{/ -> *}delta
        upper bound that underflows   | smallest_normal/{smaller -> larger}(delta, bound_tolerance)
        guess below the lower bound   | par = smaller({larger -> smaller}(par, lower), upper)
        guess above the upper bound   | par = {smaller -> larger}(larger(par, lower), upper)
        guess from nothing            | par = gradient_norm{/ -> *}length
        parameter that is zero        | par = {larger -> smaller}(smallest_normal, restart_fraction
        just close enough             | if (abs(phi) {<= -> <} bound_tolerance*delta .or.
        close enough or last          | bound_tolerance*delta {.or. -> .and.} iteration ==
        stagnation                    | if (lower == 0.0_wp {.and. -> .or.} phi <= previous_phi
        stagnation inside             | .and. previous_phi {< -> >} 0.0_wp) return
        which side is lower           | if (phi {> -> <} 0.0_wp) lower =
        new lower bound               | lower = {larger -> smaller}(lower, par)
        new upper bound               | upper = {smaller -> larger}(upper, par)
        sign of the correction        | par {+ -> -} hebden_correction(phi, delta, work))
        bound of the correction       | par = {larger -> smaller}(lower, par +
        rank of R                     | if (r(rank + 1, rank + 1) {== -> /=} 0.0_wp) exit
        last unknown                  | do j = rank, {1 -> 2}, -1
        sign in the Newton step       | z(i) = z(i) {- -> +} r(i, j)*z(j)
        secular function              | phi = length {- -> +} delta
        length of the direction       | (scaled(ipvt(j)){/ -> *}length)
        last product of a row         | do i = 1, j - {1 -> 2} total =
        sign in the solve by rows     | z(j) = (z(j) {- -> +} total)/r(j, j)
        first of a column             | do i = j + {1 -> 2}, size(z)
        sign in the solve by columns  | z(i) = z(i) {- -> +} s(i, j)*z(j)
        Newton's quotient             | ((phi{/ -> *}delta)/norm)/norm
        first of the gradient         | do i = {1 -> 2}, j total = total + r(i, j)*qtb(i)
        """,
    ("lmpar", CORE.format("kinds")): """
        larger of two                 | larger = merge(a, b, a {> -> <} b)
        smaller of two                | smaller = merge(a, b, a {< -> >} b)
        """,
    ("fuzz", CORE.format("kinds")): """
        larger than NaN               | larger = merge(a, larger, b {/= -> <} b)
        smaller than NaN              | smaller = merge(a, smaller, b {/= -> <} b)
        """,
    ("fuzz", CORE.format("lmpar")): """
        a NaN bounds the parameter    | par = {smaller(larger( -> min(max(}par, lower), upper)
        """,
    ("fuzz", ITERATION): """
        a NaN is the largest cosine   | merge(cosine, largest, cosine {> -> /=} largest)
        """,
    ("fdjac2", CORE.format("fdjac2")): """
        larger relative error         | if (epsfcn {> -> <} machine_epsilon)
        step from zero                | if (step {== -> /=} 0.0_wp) step = relative
        sign of the step              | x(j) = origin {+ -> -} step
        user's wish                   | if (flag {< -> <=} 0) return
        """,
    ("covar", CORE.format("covar")): """
        just at the tolerance         | if (abs(r(k, k)) {<= -> <} limit) exit
        last of a row                 | do j = 1, k - {1 -> 2} factor = r(k, k)*r(j, k)
        sign in the inverse           | r(i, k) = r(i, k) {- -> +} factor*r(i, j)
        last product                  | do j = 1, k - {1 -> 2} factor = u(j, k)
        sign in the product           | u(i, j) = u(i, j) {+ -> -} factor*u(i, k)
        past the rank                 | if (j {> -> >=} rank)
        which triangle                | c({max -> min}(ipvt(i), ipvt(j))
        last of the mirror            | do i = 1, j - {1 -> 2} c(i, j) = c(j, i)
        """,
    ("outputs", CORE.format("covar")): """
        sign in the inverse of cov_x  | r(i, k) = r(i, k) {+ -> -} r(i, j)*r(j, k)
        last of a sum of cov_x        | do i = 1, j - {1 -> 2} r(i, k) = r(i, k) + r(i, j)
        sign of an element of cov_x   | r(j, k) = {- -> +}r(k, k)*r(j, k)
        """,
    ("chkder", CORE.format("chkder")): """
        step from zero                | if (step {== -> /=} 0.0_wp) step = relative_step
        sign of the step              | xp(j) = x(j) {+ -> -} step
        scale of zero                 | scale = {1.0_wp -> 2.0_wp}
        sign of the prediction        | err(i) = err(i) {+ -> -} scale*fjac(i, j)
        noise                         | noise = {100.0_wp -> 101.0_wp}*machine_epsilon
        just above noise              | abs(fp - f) {>= -> >} noise*abs(f)
        either is zero                | f /= 0.0_wp {.and. -> .or.} fp /= 0.0_wp
        sign of the change            | abs((fp {- -> +} f)/relative_step
        sign of the error             | relative_step {- -> +} slope)/
        mean size                     | (abs(f) {+ -> -} abs(fp))
        wrong from the step on        | if (error {>= -> >} relative_step) then
        right up to the epsilon       | else if (error {> -> <} machine_epsilon) then
        sign of the logarithms        | (log10(error) {- -> +} log10(relative_step))
        """,
    ("dpmpar", CORE.format("kinds")): """
        machine epsilon               | machine_epsilon = {epsilon -> tiny}(
        smallest normal number        | smallest_normal = {tiny -> epsilon}(
        largest number                | largest_finite = {huge -> tiny}(
        """,
    ("trust_region", ITERATION): """
        ratio that shrinks            | shrink_ratio = {0.25_wp -> 0.26_wp}
        ratio that expands            | expand_ratio = {0.75_wp -> 0.74_wp}
        least shrinking               | least_shrink = {0.5_wp -> 0.51_wp}
        most shrinking                | most_shrink = {0.1_wp -> 0.11_wp}
        how bad a failed step is      | failure_factor = {0.1_wp -> 0.11_wp}
        step and radius that shrinks  | least_step = {0.1_wp -> 0.11_wp}
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
        sign in the parabola          | (step%slope {+ -> -} least_shrink*step%actual)
        just ten times                | failure_factor*step%fnorm {>= -> >} state%fnorm .or.
        too much shrinking            | .or. shrink {< -> >} most_shrink) then
        radius or step                | shrink*{smaller -> max}(state%delta, step%length/
        parameter shrinks             | state%par = state%par{/ -> *}shrink
        undamped                      | else if (state%par {== -> /=} 0.0_wp .or.
        just expands                  | .or. step%ratio {>= -> >} expand_ratio) then
        twice the step                | state%delta = step%length/{0.5_wp -> 0.25_wp}
        half the parameter            | state%par = {0.5_wp -> 0.25_wp}*state%par
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
        sign of the step              | point(j + 1) = arrays%x(j + 1) {+ -> -} step_of
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
        place of the scaling          | block(place_of_x + {n -> 2*n}), block(place_of_qtf(header))
        place of the trial point      | place_of_x + {4 -> 3}*int(header%n
        place of the trial residual   | place_of_fvec(header) + {header%m -> 1}
        place of the Jacobian         | place_of_trial_fvec(header) + {header%m -> 1}
        """,
    ("pickle", CORE.format("checkpoint")): """
        shortest block                | if (bytes {< -> >} header_bytes) return
        version of a checkpoint       | header%version {/= -> ==} layout_version
        size of a checkpoint          | header%n) {/= -> ==} bytes) return
        options of a checkpoint       | if ({.not. options -> options}_are_proper(header%options
        marks of columns              | given /= 0 .and. given /= {1 -> 2}
        number of marks               | header%columns {/= -> ==} sum(given)
        permutation at a trial        | request == wants_residual {.or. -> .and.} any(arrays%ipvt
        kind without a Jacobian       | (wanted == wants_jacobian {.or. -> .and.} wanted
        end without a reason          | wants_nothing {.neqv. -> .eqv.} state%info
        fewest evaluations            | state%nfev >= {0 -> -1} .and.
        fewest Jacobians              | state%njev >= {0 -> -1} .and.
        first iteration               | state%iteration >= {1 -> 0}
        columns without differences   | state%request {== -> /=} wants_differences
        number missing in ipvt        | is_permutation {.and. -> .or.} any(ipvt == j)
        """,
    ("many", CORE.format("batch")): """
        point of a trial              | request {== -> /=} wants_residual) place = place_of_trial_x
        step of a column              | stepped(j) = point(j) {+ -> -} difference_step
        place of its residual         | request {== -> /=} wants_residual) place = place_of_trial_f
        place of a column             | place_of_fjac(header) + {j -> 0}*m
        parameter of a column         | block(place_of_x + {j -> 0}))
        """,
    ("lanes", KERNELS): """
        small components              | qr->excluded |= (small {< -> >} 0)
        large components              | ~(sum {< -> >} broadcast(upper * upper))
        rows of a limit               | qr->limits->large / {(double)count -> 1.0}
        rows that remain              | for (; i < {qr->m -> qr->m - 1}; i++) { for (int lane
        columns of one lane           | if (any_lane({~where -> where ^ where}))
        multipliers exchanged         | qr->multiplier + j, qr->multiplier + {k -> j})
        first of equal pivots         | mask larger = qr->partial[k] {> -> >=} norm;
        sign of what is pending       | x[i] = x[i] {- -> +} t * v[i];
        first pivot                   | j {== -> !=} 0 ? qr->partial[0] : update_pivot
        zero column                   | qr->excluded |= norm {== -> <} zero;
        sign of the norm              | select_lanes(qr->column[j][j] {< -> >} zero, -norm, norm)
        one added                     | qr->column[j][j] / norm {+ -> -} 1.0;
        sign of the diagonal          | qr->diagonal[j] = {- -> +}norm;
        sign in a sweep               | x[k][i] = value = value {- -> +} t[k] * v[i];
        columns of a sweep            | count = (qr->n - j - {1 -> 2}) % MOST_SWEPT + 1;
        row of R                      | = qr->column[k][j] {- -> +} qr->multiplier[k]
        norm to be recomputed         | qr->excluded |= {inexact -> inexact ^ inexact} & (norm
        norm of zero                  | qr->excluded |= inexact & (norm {!= -> ==} zero)
        permutation                   | (int)qr->original[k][lane] + {1 -> 0};
        """,
    ("lanes", CORE.format("batch")): """
        residual that is not finite   | ({.not. is_finite -> is_finite}(header%state%fnorm))
        factors of which block        | factored(place(i)) = lanes({i -> 1})%factored
        """,
    ("asktell", CORE.format("reverse")): """
        epsfcn of the user's          | header%options%epsfcn {/= -> ==} header%options%epsfcn)
        """,
    ("levenberg_marquardt", CORE.format("qrfac")): """
        sign in Q^T f                 | extra(j) = extra(j) {- -> +} multipliers(j)*a(j, j)
        """,
}
"""Test and file, then a line a change: its name, and {old -> new} with enough text around it.

A space stands for any white space. The text must occur once in the file, or in all the files that
a * stands for.
"""
