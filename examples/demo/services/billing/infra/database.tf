resource "aws_kms_key" "ledger" {
  description         = "Ledger and reporting"
  enable_key_rotation = true
}

resource "aws_db_subnet_group" "billing" {
  name       = local.prefix
  subnet_ids = var.subnet_ids
}

resource "aws_rds_cluster" "ledger" {
  cluster_identifier          = "${local.prefix}-ledger"
  engine                      = "aurora-postgresql"
  engine_version              = "16.4"
  master_username             = "billing"
  manage_master_user_password = true
  db_subnet_group_name        = aws_db_subnet_group.billing.name
  storage_encrypted           = true
  kms_key_id                  = aws_kms_key.ledger.arn
}

resource "aws_db_instance" "reporting" {
  identifier                  = "${local.prefix}-reporting"
  engine                      = "postgres"
  instance_class              = "db.t4g.large"
  allocated_storage           = 100
  username                    = "reporting"
  manage_master_user_password = true
  db_subnet_group_name        = aws_db_subnet_group.billing.name
  storage_encrypted           = local.encrypted
}
