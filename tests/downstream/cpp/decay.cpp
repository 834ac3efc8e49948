// Fits an exponential decay with its Jacobian; the user data are a struct.
#include <leastsq.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

namespace {

struct Data {
    std::vector<double> t, y;
};

extern "C" int decay(void *pointer, int m, int, const double *p, double *fvec, double *fjac,
                     int ldfjac, int iflag)
{
    const auto &data = *static_cast<const Data *>(pointer);
    for (int i = 0; i < m; ++i) {
        const double e = std::exp(-p[1] * data.t[i]);
        if (iflag == 1) {
            fvec[i] = p[0] * e + p[2] - data.y[i];
        } else if (iflag == 2) {
            fjac[i] = e;
            fjac[i + ldfjac] = -p[0] * data.t[i] * e;
            fjac[i + 2 * ldfjac] = 1.0;
        }
    }
    return 0;
}

}  // namespace

int main()
{
    constexpr int m = 30, n = 3;
    Data data;
    for (int i = 0; i < m; ++i) {
        data.t.push_back(0.1 * i);
        data.y.push_back(2.5 * std::exp(-1.3 * data.t[i]) + 0.5);
    }
    std::array<double, n> p{1.0, 1.0, 0.0};
    std::array<int, n> ipvt{};
    std::vector<double> fvec(m), fjac(m * n), wa(5 * n + m);
    const int info = leastsq_lmder1(decay, &data, m, n, p.data(), fvec.data(), fjac.data(), m,
                                    1e-10, ipvt.data(), wa.data(), static_cast<int>(wa.size()));
    std::printf("%.6f %.6f %.6f\n", p[0], p[1], p[2]);
    return info >= LEASTSQ_CONVERGED_REDUCTION && info <= LEASTSQ_ORTHOGONAL_RESIDUAL ? 0 : 1;
}
