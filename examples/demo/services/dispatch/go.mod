module meridian.example/dispatch

go 1.22
