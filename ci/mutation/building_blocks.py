"""Changes to MINPACK's building blocks and the kernels under them."""

__all__ = ["CHANGES", "KERNELS"]

CORE = "fortran/{}.f90"
KERNELS = "fortran/simd/*.h"

CHANGES = {
    ("enorm", CORE.format("enorm")): """
        small components begin        | small_limit = {3.834e-20_wp -> 3.835e-20_wp}
        large components begin        | large_limit = {1.304e19_wp -> 1.303e19_wp}
        large depends on length       | limit = large_limit{/ -> *}real(max(n, 1), wp)
        first component left out      | do i = {1 -> 2}, size(x) component = abs(x(i))
        power in the plain sum        | total = total + component**{2 -> 1}
        which class                   | component > small_limit {.and. -> .or.} component <
        first of the scaled left out  | do i = {1 -> 2}, size(x) call add_square(sums, abs(x(i)))
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
        first of equal pivots         | if (partial_norms(k) {> -> >=} partial_norms(largest))
        norm that moves aside         | element = x({j -> k})
        norm that moves forward       | x(j) = x({k -> j})
        multipliers that move         | if (pending .and. largest {/= -> ==} j) call exchange
        norm of the first pivot       | else if (j {== -> /=} 1) then norm = diagonal
        exact norm that moves aside   | exact_norms(largest) = exact_norms({j -> largest})
        blocks: zero column           | else if (rdiag(j) {/= -> ==} 0.0_wp) then call apply_by
        blocks: sign of a reflector   | a(j + 1:m, j) = a(j + 1:m, j)/({- -> +}partial_norms(j))
        blocks: first column          | do first = j + {1 -> 2}, size(a, 2), size(multipliers)
        blocks: columns that remain   | min(size(multipliers), size(a, 2) - first {+ -> -} 1)
        blocks: rows to subtract from | call subtract_multiple(a(j + {1 -> 2}:m, k)
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
        finish_row: sign              | row[(first + i) * lda] {- -> +} t[first + i] * head
        finish_row: what is left      | | one), rest = 1.0 {- -> +} component * component
        finish_row: more was taken    | (rest {> -> <} zero, rest, zero)
        finish_row: share of the norm | (part {* -> +} part) <= broadcast(least)
        finish_row: lost              | * part) {<= -> >} broadcast(least)
        finish_row: zero norm         | const mask none = norm {== -> !=} zero, one
        norm_below: what is left      | rest = 1.0 {- -> +} component * component; below
        norm_below: more was taken    | rest {> -> <} 0.0 ? rest : 0.0
        norm_below: share of the norm | (part {* -> +} part) <= least ?
        norm_below: lost              | * part) {<= -> >} least ?
        norm_below: zero norm         | if (norm {== -> !=} 0.0) return 0.0;
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
        rotate: sign of a row         | store(rows + b * ld + i, c * y {- -> +} s * x);
        rotate: sign of the column    | x = c * x {+ -> -} s * y;
        rotate: what remains          | for (; i < {n -> n - 1}; i++) for (ptrdiff_t b = 0
        rotate: row that remains      | rows[b * ld + i] = cosine[b] * y {- -> +} sine[b] * x
        rotate: sign of what remains  | column[i] = cosine[b] * x {+ -> -} sine[b] * y;
        """,
    ("qrsolv", CORE.format("qrsolv")): """
        first copied below            | do i = j + {1 -> 2}, size(r, 2) r(i, j) = r(j, i)
        block that remains            | min(block, n - first {+ -> -} 1)
        rows that fit on the stack    | min(max_rows, stack_capacity{/ -> *}n)
        nothing to rotate             | if (rows(j, b) {== -> /=} 0.0_wp) then
        rows before a zero            | call apply_rotations(j, first, b - {1 -> 2}, cosine
        rows after a zero             | first = b + {1 -> 0}
        sign on the diagonal          | cosine(b)*s(j, j) {+ -> -} sine(b)*rows(j, b)
        sign of the right-hand side   | cosine(b)*rhs {+ -> -} sine(b)*row_rhs(b)
        sign of a row's right side    | row_rhs(b) = {- -> +}sine(b)*rhs
        sign of the column            | cosine(b)*s(i, j) {+ -> -} sine(b)*rows(i, b)
        sign of a row                 | rows(i, b) = {- -> +}sine(b)*s(i, j)
        first rotated                 | do i = j + {1 -> 2}, n element =
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
        one iteration less            | max_iterations = {10 -> 9}
        one iteration more            | max_iterations = {10 -> 11}
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
    ("fdjac2", CORE.format("fdjac2")): """
        larger relative error         | if (epsfcn {> -> <} machine_epsilon)
        step from zero                | if (step {== -> /=} 0.0_wp) step = relative
        sign of the step              | x(j) = origin {+ -> -} step
        requested termination         | if (flag {< -> <=} 0) return
        """,
    ("covar", CORE.format("covar")): """
        just at the tolerance         | if (abs(r(k, k)) {<= -> <} limit) exit
        last of a row                 | do j = 1, k - {1 -> 2} multiplier = r(k, k)*r(j, k)
        sign in the inverse           | r(i, k) = r(i, k) {- -> +} multiplier*r(i, j)
        last product                  | do j = 1, k - {1 -> 2} multiplier = u(j, k)
        sign in the product           | u(i, j) = u(i, j) {+ -> -} multiplier*u(i, k)
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
        inconsistent from the step on | if (error {>= -> >} relative_step) then
        consistent up to the epsilon  | else if (error {> -> <} machine_epsilon) then
        sign of the logarithms        | (log10(error) {- -> +} log10(relative_step))
        """,
    ("dpmpar", CORE.format("kinds")): """
        machine epsilon               | machine_epsilon = {epsilon -> tiny}(
        smallest normal number        | smallest_normal = {tiny -> epsilon}(
        largest number                | largest_finite = {huge -> tiny}(
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
        norm to be recomputed         | qr->excluded |= {inexact -> inexact ^ inexact};
        permutation                   | (int)qr->original[k][lane] + {1 -> 0};
        """,
    ("levenberg_marquardt", CORE.format("qrfac")): """
        sign in Q^T f                 | rhs(j) = rhs(j) {- -> +} multipliers(j)*a(j, j)
        """,
}
