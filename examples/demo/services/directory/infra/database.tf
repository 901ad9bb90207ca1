resource "aws_db_instance" "people" {
  identifier                  = "${local.name}-people"
  engine                      = "postgres"
  engine_version              = "15.8"
  instance_class              = "db.t4g.medium"
  allocated_storage           = 60
  username                    = "directory"
  manage_master_user_password = true
  db_subnet_group_name        = var.subnet_group
  storage_encrypted           = var.encrypt_storage
}

resource "aws_db_instance" "search" {
  identifier                  = "${local.name}-search"
  engine                      = "postgres"
  instance_class              = "db.t4g.small"
  allocated_storage           = 20
  username                    = "search"
  manage_master_user_password = true
  db_subnet_group_name        = var.subnet_group
  storage_encrypted           = true
}
