module ponos-bench/measure

go 1.26
