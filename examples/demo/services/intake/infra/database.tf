resource "aws_db_subnet_group" "intake" {
  name       = local.prefix
  subnet_ids = var.private_subnet_ids
}

resource "aws_db_instance" "records" {
  identifier              = "${local.prefix}-records"
  engine                  = "postgres"
  engine_version          = "16.4"
  instance_class          = "db.r6g.large"
  allocated_storage       = 200
  db_name                 = "records"
  username                = "intake"
  password                = var.records_password
  db_subnet_group_name    = aws_db_subnet_group.intake.name
  multi_az                = true
  deletion_protection     = true
  backup_retention_period = 35
}

resource "aws_db_instance" "audit" {
  identifier                  = "${local.prefix}-audit"
  engine                      = "postgres"
  instance_class              = "db.t4g.medium"
  allocated_storage           = 50
  username                    = "audit"
  manage_master_user_password = true
  db_subnet_group_name        = aws_db_subnet_group.intake.name
  storage_encrypted           = var.storage_encrypted
}

# Gone since the move to Postgres 16; kept until the last report is written.
# resource "aws_db_instance" "legacy" {
#   identifier        = "intake-legacy"
#   engine            = "mysql"
#   instance_class    = "db.m5.large"
#   storage_encrypted = false
# }

resource "aws_dynamodb_table" "sessions" {
  name         = "${local.prefix}-sessions"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"

  replica {
    region_name = "us-west-2"
  }
}

resource "aws_dynamodb_table" "appointments" {
  name         = "${local.prefix}-appointments"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"

  replica {
    region_name = "eu-central-1"
  }
}
