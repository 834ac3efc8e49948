!> MINPACK-1's enorm: Euclidean norm.
pure function enorm(n, x) result(norm)
    use leastsq_kinds, only: wp
    use leastsq_enorm_module, only: core_enorm => enorm
    implicit none(type, external)
    integer, intent(in) :: n     !! length
    real(wp), intent(in) :: x(n) !! vector
    real(wp) :: norm

    norm = core_enorm(x)
end function enorm
