!> MINPACK-1's dpmpar: machine constants.
pure function dpmpar(i) result(constant)
    use leastsq_kinds, only: wp
    use leastsq_capi, only: leastsq_dpmpar
    implicit none(type, external)
    integer, intent(in) :: i !! 1 epsilon, 2 smallest normal, 3 largest
    real(wp) :: constant

    constant = leastsq_dpmpar(i)
end function dpmpar
